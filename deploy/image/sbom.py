"""Writes ROOT/opt/pass/sbom.spdx.json (SPDX 2.3) from what lies in ROOT, file by file.

--owners names, for each path, the package it came from and its kind: own, debian or wheel. A file without an owner,
and an owner without a file, is an error: the list says what is inside, not what was meant to be.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

SBOM = "opt/pass/sbom.spdx.json"
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def read_owners(path):
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return {name: (package, kind) for name, package, kind in rows}


def files_of(root):
    paths = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    return sorted(paths - {SBOM})


def checksums(path):
    content = path.read_bytes()
    return [
        {"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
        {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()},
    ]


def own_version():
    text = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"project\(pass VERSION ([0-9.]+)", text).group(1)


def debian_version(package):
    command = ["dpkg-query", "--show", "--showformat=${Version}\t${Architecture}", package]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.split("\t")


def wheel_version(package, torch):
    """From the name of the wheel's folder of metadata; nvidia-cublas stands for nvidia_cublas_cu12 and the like."""
    prefix = package.replace("-", "_")
    for folder in sorted(torch.parent.glob("*.dist-info")):
        name, version = folder.name.removesuffix(".dist-info").split("-", 1)
        if name == prefix or name.startswith(prefix + "_cu"):
            return version
    return "NOASSERTION"


def verification_code(files):
    """SPDX 2.3, section 7.9: over the SHA-1 sums of the package's files."""
    sums = sorted(entry["checksums"][0]["checksumValue"] for entry in files)
    return hashlib.sha1("".join(sums).encode()).hexdigest()


def package_entry(package, kind, torch, files):
    entry = {
        "SPDXID": spdx_id("Package", package),
        "name": package,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": verification_code(files)},
        "copyrightText": "NOASSERTION",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
    }
    if kind == "own":
        entry.update(versionInfo=own_version(), licenseDeclared="Apache-2.0", supplier="NOASSERTION")
    elif kind == "debian":
        entry["versionInfo"], architecture = debian_version(package)
        entry["supplier"] = "Organization: Debian"
        entry["externalRefs"] = [
            purl(f"pkg:deb/debian/{package}@{quoted(entry['versionInfo'])}?arch={architecture}")
        ]
    else:
        entry["versionInfo"] = wheel_version(package, torch)
        entry["supplier"] = "NOASSERTION"
        entry["externalRefs"] = [purl(f"pkg:pypi/{package}@{quoted(entry['versionInfo'])}")]
        if package == "torch":
            entry["licenseDeclared"] = "BSD-3-Clause"
    return entry


def quoted(version):
    return version.replace("+", "%2B").replace(":", "%3A")


def purl(locator):
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}


def spdx_id(kind, name):
    return f"SPDXRef-{kind}-{re.sub('[^A-Za-z0-9.-]', '-', name)}"


def file_id(name):
    return f"{spdx_id('File', name)}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def document(root, owners, torch, variant):
    names = files_of(root)
    unowned, lost = sorted(set(names) - set(owners)), sorted(set(owners) - set(names))
    if unowned or lost:
        sys.exit(f"error: files without a package: {unowned}; listed but not there: {lost}")
    packages = {package: kind for package, kind in sorted(owners.values())}
    newest = max((root / name).stat().st_mtime for name in names if name.startswith("opt/pass/bin/"))
    made = datetime.datetime.fromtimestamp(
        int(os.environ.get("SOURCE_DATE_EPOCH", newest)), datetime.timezone.utc
    )
    files = [
        {
            "SPDXID": file_id(name),
            "fileName": f"./{name}",
            "checksums": checksums(root / name),
            "licenseConcluded": "NOASSERTION",
            "copyrightText": "NOASSERTION",
        }
        for name in names
    ]
    entries = []
    for package, kind in packages.items():
        its_files = [entry for entry, name in zip(files, names, strict=True) if owners[name][0] == package]
        entries.append(package_entry(package, kind, torch, its_files))
    content = hashlib.sha256("".join(f["checksums"][1]["checksumValue"] for f in files).encode()).hexdigest()
    described = spdx_id("Package", "pass-server")
    relationships = [relation("SPDXRef-DOCUMENT", "DESCRIBES", described)]
    relationships += [
        relation(described, "DEPENDS_ON", entry["SPDXID"])
        for entry in entries
        if entry["SPDXID"] != described
    ]
    relationships += [
        relation(spdx_id("Package", owners[name][0]), "CONTAINS", file_id(name)) for name in names
    ]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"pass-server-{own_version()}-{variant}",
        "documentNamespace": f"https://spdx.org/spdxdocs/pass-server-{own_version()}-{variant}-{content[:32]}",
        "creationInfo": {
            "created": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: deploy/image/sbom.py-{own_version()}"],
        },
        "packages": entries,
        "files": files,
        "relationships": relationships,
    }


def relation(one, kind, other):
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--owners", type=pathlib.Path, required=True)
    parser.add_argument("--torch", type=pathlib.Path, required=True)
    parser.add_argument("--variant", default="cpu")
    flags = parser.parse_args()
    made = document(flags.root, read_owners(flags.owners), flags.torch, flags.variant)
    (flags.root / SBOM).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
