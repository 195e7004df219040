// Every architecture that has a file in this folder; the table of those that are served is in architecture.cc.
#pragma once

#include "core/checkpoint/architecture.h"

namespace pass {

extern const Architecture kGemma2;
extern const Architecture kGemma3;
extern const Architecture kGranite;
extern const Architecture kLlama;
extern const Architecture kMistral3;
extern const Architecture kOlmo2;
extern const Architecture kQwen2;
extern const Architecture kQwen3;
extern const Architecture kSmolLm3;

}  // namespace pass
