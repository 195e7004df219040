// The architectures that are served, in the words of error messages.
#pragma once

namespace pass {

inline constexpr char kServedArchitectures[] = "llama (Llama 2 and 3, SmolLM2, TinyLlama and their like)";

}  // namespace pass
