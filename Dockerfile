# CPU image: the server with LibTorch's CPU libraries. The model is mounted or baked in by the user:
#   docker build --build-arg TORCH_PIP_ARGS="--index-url <PyTorch's index of CPU wheels>" -t pass-server .
#   docker run -p 50051:50051 -v "$PWD/model:/model:ro" pass-server --model /model/model.gguf
FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make git ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Without an index of CPU wheels, pip takes the CUDA build on x86-64, which is not for this image.
ARG TORCH_PIP_ARGS
RUN make build TORCH_PIP_ARGS="${TORCH_PIP_ARGS}" \
    && mkdir -p /stage/bin /stage/lib \
    && cp build/bin/pass-server build/bin/pass-client /stage/bin/ && cp -r models /stage/ \
    && ldd build/bin/pass-server | awk '/torch\/lib/ {print $3}' | xargs -I{} cp -L {} /stage/lib/

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgrpc++1.51 libprotobuf32 libspdlog1.10 libprometheus-cpp-core1.0 \
       libprometheus-cpp-pull1.0 libpcre2-8-0 libutf8proc2 libgomp1 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /stage /opt/pass
ENV LD_LIBRARY_PATH=/opt/pass/lib
USER 65534:65534
EXPOSE 50051 9090
ENTRYPOINT ["/opt/pass/bin/pass-server", "--listen", "0.0.0.0:50051", "--metrics-listen", "0.0.0.0:9090"]
