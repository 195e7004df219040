#include "server/dialects/pass_v1/unknown_fields.h"

#include <google/protobuf/unknown_field_set.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace pass::pass_v1 {

void RefuseUnknownFields(const google::protobuf::Message& message, const std::string& path,
                         Violations* violations) {
  const google::protobuf::Reflection* reflection = message.GetReflection();
  const google::protobuf::UnknownFieldSet& unknown = reflection->GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    violations->Add(absl::StrCat(path, path.empty() ? "" : ".", "#", unknown.field(i).number()),
                    "this server does not support the field with this number");
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string name = absl::StrCat(path, path.empty() ? "" : ".", std::string(field->name()));
    if (!field->is_repeated()) {
      RefuseUnknownFields(reflection->GetMessage(message, field), name, violations);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      RefuseUnknownFields(reflection->GetRepeatedMessage(message, field, i), absl::StrCat(name, "[", i, "]"),
                          violations);
    }
  }
}

}  // namespace pass::pass_v1
