#include "client/demo_prompts.h"

namespace pass {

const std::array<DemoPrompt, 8> kDemoPrompts{{
    {.kind = "code",
     .name = "the cheapest offer",
     .text = "def cheapest_offer(offers):\n"
             "    \"\"\"Return the offer with the lowest price, or None if there is none.\n"
             "\n"
             "    offers: list of (shop, price).\n"
             "    \"\"\"\n"
             "    best =",
     .shown = true},
    {.kind = "code",
     .name = "the last readings",
     .text = "// Adds a reading to the list and keeps only the last hundred.\n"
             "function addReading(readings, value) {\n"
             " "},
    {.kind = "code",
     .name = "the longest name",
     .text = "// Returns the longest of the names; the first of them if several are equally long.\n"
             "std::string Longest(const std::vector<std::string>& names) {\n"
             " "},
    {.kind = "prose",
     .name = "dough",
     .text =
         "Bread rises because yeast eats sugar and gives off gas. Bakers let the dough rest in a warm place, "
         "and while it rests",
     .shown = true},
    {.kind = "prose",
     .name = "a lost compass",
     .text =
         "On the last day of the fair, Nora found a small brass compass in the grass behind the stables. It"},
    {.kind = "prose",
     .name = "a lighthouse",
     .text =
         "The lighthouse at the northern cape was built of granite, because wood does not last in the salt "
         "wind. Its lamp"},
    {.kind = "chat", .name = "basil", .text = "How do I keep basil alive on a kitchen windowsill?"},
    {.kind = "chat",
     .name = "a note to neighbours",
     .text =
         "Write a short note to my neighbours: the water will be turned off on Tuesday from nine to noon."},
}};

}  // namespace pass
