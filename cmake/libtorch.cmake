# Finds LibTorch without its own CMake package, which asks for nvcc in CUDA builds and defines a dummy protobuf target.
# LIBTORCH is the folder that holds include/ and lib/: a LibTorch archive or site-packages/torch of a pip wheel.
set(LIBTORCH "$ENV{LIBTORCH}" CACHE PATH "LibTorch: the folder with include/ and lib/ (site-packages/torch of a pip wheel)")
if(NOT LIBTORCH)
  find_program(PASS_PYTHON NAMES python3 PATHS ${PROJECT_SOURCE_DIR}/.venv/bin NO_DEFAULT_PATH)
  if(PASS_PYTHON)
    execute_process(COMMAND ${PASS_PYTHON} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
                    OUTPUT_VARIABLE LIBTORCH OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
find_library(LIBTORCH_CPU torch_cpu PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH NO_CACHE)
find_library(LIBTORCH_C10 c10 PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH NO_CACHE)
if(NOT LIBTORCH_CPU OR NOT LIBTORCH_C10)
  message(FATAL_ERROR "LibTorch not found in '${LIBTORCH}'. Run `make build`, which installs it, or pass -DLIBTORCH=PATH.")
endif()
find_library(LIBTORCH_CUDA torch_cuda PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH NO_CACHE)
find_library(LIBTORCH_C10_CUDA c10_cuda PATHS ${LIBTORCH}/lib NO_DEFAULT_PATH NO_CACHE)

add_library(libtorch INTERFACE)
target_include_directories(libtorch SYSTEM INTERFACE ${LIBTORCH}/include ${LIBTORCH}/include/torch/csrc/api/include)
set(libtorch_libraries ${LIBTORCH_CPU} ${LIBTORCH_C10})
if(LIBTORCH_CUDA AND LIBTORCH_C10_CUDA)
  # Registers the CUDA kernels by being loaded; no symbol of it is named, so the linker must be told to keep it.
  list(APPEND libtorch_libraries -Wl,--push-state,--no-as-needed ${LIBTORCH_CUDA} ${LIBTORCH_C10_CUDA} -Wl,--pop-state)
  # CUDA's own libraries lie elsewhere (in a wheel's neighbours), where these two find them by themselves as they are loaded.
  target_link_options(libtorch INTERFACE -Wl,--allow-shlib-undefined)
endif()
# Of CUDA itself the headers and its runtime are enough. A toolkit has both; so have the wheels beside torch (the runtime is one
# that torch needs, headers come with triton or cuda-toolkit[crt]).
file(GLOB pass_cuda_wheels ${LIBTORCH}/../nvidia/cu1* ${LIBTORCH}/../nvidia/cuda_runtime ${LIBTORCH}/../triton/backends/nvidia)
find_program(PASS_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda ${pass_cuda_wheels} PATH_SUFFIXES bin)
get_filename_component(pass_cuda_toolkit "${PASS_NVCC}/../.." ABSOLUTE)
find_path(PASS_CUDA_HEADERS crt/host_config.h HINTS ${pass_cuda_wheels} ${pass_cuda_toolkit} PATH_SUFFIXES include)
find_library(PASS_CUDA_RUNTIME NAMES libcudart.so.13 libcudart.so.12 cudart HINTS ${pass_cuda_wheels} ${pass_cuda_toolkit}
             PATH_SUFFIXES lib lib64)
if(LIBTORCH_CUDA AND LIBTORCH_C10_CUDA AND PASS_CUDA_HEADERS AND PASS_CUDA_RUNTIME)
  set(pass_cuda_found ON)
else()
  set(pass_cuda_found OFF)
endif()
option(PASS_WITH_CUDA "Record graphs of CUDA; needs LibTorch's CUDA build, CUDA's headers and its runtime" ${pass_cuda_found})
if(PASS_WITH_CUDA AND NOT pass_cuda_found)
  message(FATAL_ERROR "PASS_WITH_CUDA: '${LIBTORCH}' is a build without CUDA, or CUDA's headers (crt/host_config.h) or runtime (libcudart) are missing; set LIBTORCH and CUDA_HOME")
endif()
if(PASS_WITH_CUDA AND PASS_NVCC)
  set(pass_nvcc_found ON)
else()
  set(pass_nvcc_found OFF)
endif()
option(PASS_WITH_NVCC "Compile this project's own kernels for a GPU; needs PASS_WITH_CUDA and nvcc" ${pass_nvcc_found})
if(PASS_WITH_NVCC AND NOT pass_nvcc_found)
  message(FATAL_ERROR "PASS_WITH_NVCC: nvcc was not found; set CUDA_HOME, or leave the option out")
endif()
set(PASS_CUDA_ARCHITECTURES 80 90 CACHE STRING "Compute capabilities of the kernels, without the dot, ascending; later ones translate the last")
add_library(libtorch_cuda INTERFACE)  # for files that include headers of CUDA
if(PASS_WITH_CUDA)
  target_include_directories(libtorch_cuda SYSTEM INTERFACE ${PASS_CUDA_HEADERS})
  target_link_libraries(libtorch_cuda INTERFACE ${PASS_CUDA_RUNTIME})
endif()

# By its flag and not by OpenMP::OpenMP_CXX, whose full path of libgomp would stand beside the wheel's own copy.
target_compile_options(libtorch INTERFACE ${OpenMP_CXX_FLAGS})
target_link_options(libtorch INTERFACE ${OpenMP_CXX_FLAGS})
target_link_libraries(libtorch INTERFACE ${libtorch_libraries} Threads::Threads)
message(STATUS "LibTorch: ${LIBTORCH}")

# LibTorch's headers take a compiler ten seconds. They are compiled once, for the targets of pass_reuse_torch_headers.
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/torch_headers.cc CONTENT "")
add_library(pass_torch_headers OBJECT ${PROJECT_BINARY_DIR}/torch_headers.cc)
target_link_libraries(pass_torch_headers PRIVATE libtorch)
target_precompile_headers(pass_torch_headers PRIVATE <ATen/ATen.h>)
