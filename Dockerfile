# The image holds the server, the client, the shared objects that the two need, licences and an SBOM: no shell and no
# package manager. deploy/image/assemble.sh decides what is in it. The model is mounted.
#   docker build --build-arg TORCH_PIP_ARGS="--index-url <PyTorch's index of CPU wheels>" -t pass-server:0.1.0 .
#   docker build --build-arg VARIANT=cuda -t pass-server:0.1.0-cuda .
#   docker run --read-only -p 50051:50051 -v "$PWD/model:/models:ro" pass-server:0.1.0 --model /models/model.gguf
ARG VARIANT=cpu

FROM debian:12-slim AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update \
    && apt-get install -y --no-install-recommends binutils ca-certificates git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# On x86-64 pip takes the CUDA build of torch unless it is given an index of CPU wheels.
ARG TORCH_PIP_ARGS=""
ARG VARIANT
RUN make deps TORCH_PIP_ARGS="${TORCH_PIP_ARGS}" \
    && if [ "${VARIANT}" = cuda ]; then scripts/deps.sh cuda-compiler; fi \
    && make build TORCH_PIP_ARGS="${TORCH_PIP_ARGS}" \
    && deploy/image/assemble.sh --variant "${VARIANT}" /rootfs

FROM scratch AS cpu
COPY --from=build /rootfs /

FROM scratch AS cuda
COPY --from=build /rootfs /
# What the NVIDIA runtime adds to the container.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

# checkov:skip=CKV_DOCKER_7: a stage of this file, which has no tag
FROM ${VARIANT}
ENV LD_LIBRARY_PATH=/opt/pass/lib PASS_LISTEN=0.0.0.0:50051 PASS_METRICS_LISTEN=0.0.0.0:9090
USER 10001:10001
EXPOSE 50051 9090
# For engines that look at it; Kubernetes has probes of its own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=600s --retries=3 \
    CMD ["/opt/pass/bin/pass-client", "health", "--timeout", "4"]
ENTRYPOINT ["/opt/pass/bin/pass-server"]
