// A gRPC service and the full name that its .proto gives it: what a dialect hands to the server.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <string>

namespace pass {

struct NamedService {
  std::string full_name;  // health answers for the service under this name
  std::unique_ptr<grpc::Service> service;
};

}  // namespace pass
