// What a figure of many rows must be read with: how fast the CPU multiplies and adds.
#pragma once

#include <string_view>

namespace pass::bench {

// Operations a second in fp32, two for each multiply-add, that `num_threads` threads reach with numbers in registers alone;
// best of 5. `instruction_set`: as PASS_MAX_ISA names them; its vectors are used, and those of no better one.
double MultiplyAddOperations(int num_threads, std::string_view instruction_set);

}  // namespace pass::bench
