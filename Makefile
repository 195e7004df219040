# The few commands that a person types. Each target is a script of scripts/, which installs what it needs and
# does nothing twice. Variables: LIBTORCH=PATH, TORCH_PIP_ARGS=..., MODEL=PATH, LOOKAHEAD=PATH, PYTHON=..., JOBS=N.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help deps build demo serve test test-fast emulate sanitize deploy-check check-cuda verify-lossless paper peers format lint clean
export LIBTORCH TORCH_PIP_ARGS MODEL LOOKAHEAD EMBEDDINGS FULL OUT PLOTS PYTHON JOBS

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 24

deps:  ## install packages, LibTorch and the model
	@scripts/deps.sh packages libtorch protos model

build: ## build the server, the client, the trainer and the benchmark in Release mode: build/bin
	@scripts/build.sh pass-server pass-client pass-bench pass-train

demo:  ## start a server, show plain decoding, PaSS and the default side by side, stop it
	@scripts/demo.sh

serve: ## run the server in the foreground: gRPC on 50051, metrics on 9090
	@scripts/serve.sh

test:  ## build and run every test
	@scripts/test.sh

test-fast: ## build and run the tests that need neither LibTorch nor a model
	@scripts/test_fast.sh

emulate: ## run the kernel tests on emulated CPUs with AVX2 and without
	@scripts/emulate.sh

sanitize: ## run the torch-free tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer
	@scripts/sanitize.sh

deploy-check: ## check deploy/ and the Dockerfile: chart, manifests, rules, boards, image
	@scripts/deploy_check.sh

check-cuda: ## compile and link core, its tests and the benchmark with CUDA, without a GPU: 5 GiB of libraries
	@scripts/check_cuda.sh

verify-lossless: ## compare every method's bytes with plain decoding's, 208 prompts: half an hour
	@scripts/verify_lossless.sh

paper: ## measure the tables of docs/RESULTS.md and draw their plots: hours; EMBEDDINGS=PATH FULL=PATH
	@scripts/paper.sh

peers: ## measure llama.cpp, OpenVINO, transformers and others beside this program
	@scripts/peers.sh

format: ## format all C++ files in place
	@scripts/format.sh

lint:  ## check the format and the API, and run clang-tidy
	@scripts/lint.sh

clean: ## remove what was built; .venv stays
	@rm -rf build build-cuda build-fast build-gpu build-dev build-asan build-tsan
