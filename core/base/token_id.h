#pragma once

#include <cstdint>

namespace pass {

// A row of the model's embedding table. Signed and 32 bits wide, as in the GGUF and safetensors world;
// values from outside are range-checked as 64-bit numbers before they become one.
using TokenId = int32_t;

}  // namespace pass
