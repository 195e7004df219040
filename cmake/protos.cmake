# pass_proto_library(NAME ROOT folder [PROTOS path...] [SERVICES path...] [DEPS library...]): the C++ code of .proto
# files as one static library, alias pass::NAME. A path goes from ROOT to the file and leaves `.proto` out; it is
# also what stands in include lines (path.pb.h). PROTOS hold messages only, SERVICES hold gRPC services too.
# A .proto belongs to one library, so that no descriptor is registered twice.
function(pass_proto_library name)
  cmake_parse_arguments(ARG "" "ROOT" "PROTOS;SERVICES;DEPS" ${ARGN})
  get_target_property(grpc_cpp_plugin gRPC::grpc_cpp_plugin LOCATION)
  set(generated ${PROJECT_BINARY_DIR}/proto)
  file(MAKE_DIRECTORY ${generated})
  set(sources)
  foreach(proto ${ARG_PROTOS} ${ARG_SERVICES})
    set(outputs ${generated}/${proto}.pb.cc ${generated}/${proto}.pb.h)
    set(grpc_arguments)
    if(proto IN_LIST ARG_SERVICES)
      list(APPEND outputs ${generated}/${proto}.grpc.pb.cc ${generated}/${proto}.grpc.pb.h)
      set(grpc_arguments --grpc_out=${generated} --plugin=protoc-gen-grpc=${grpc_cpp_plugin})
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND protobuf::protoc -I ${ARG_ROOT} --cpp_out=${generated} ${grpc_arguments} ${ARG_ROOT}/${proto}.proto
      DEPENDS ${ARG_ROOT}/${proto}.proto)
    list(APPEND sources ${outputs})
  endforeach()
  set(target pass_${name})
  add_library(${target} STATIC ${sources})
  add_library(pass::${name} ALIAS ${target})
  target_include_directories(${target} SYSTEM PUBLIC ${generated})
  target_link_libraries(${target} PUBLIC gRPC::grpc++ protobuf::libprotobuf ${ARG_DEPS})
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()
