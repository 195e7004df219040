import pytest

import serving


@pytest.fixture(scope="session")
def pb(tmp_path_factory):
    return serving.generate_stubs(tmp_path_factory.mktemp("stubs"))


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for the tests that neither stop it nor need flags of their own. It must exit 0."""
    process = serving.ServerProcess()
    yield process
    assert process.stop() == 0, "".join(process.log[-20:])


@pytest.fixture(scope="session")
def client(pb, server):
    service = serving.ServiceClient(pb, server.address)
    yield service
    service.close()


@pytest.fixture
def start_server(tmp_path_factory, pb):
    """start_server(*flags) -> (process, client); what still runs afterwards is stopped and must exit 0."""
    started = []

    def start(*flags, **options):
        process = serving.ServerProcess(*flags, **options)
        service = serving.ServiceClient(pb, process.address)
        started.append((process, service))
        return process, service

    yield start
    codes = []
    for process, service in started:
        service.close()
        codes.append(process.stop() if process.process.poll() is None else process.process.returncode)
    assert codes == [0] * len(codes)


@pytest.fixture(scope="session")
def prompts():
    texts = serving.read_prompts("code") + serving.read_prompts("prose")
    assert len(texts) == 50
    return texts
