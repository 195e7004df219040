#include "client/demo_prompts.h"

namespace pass {

const std::array<DemoPrompt, 8> kDemoPrompts{{
    {.kind = "code",
     .name = "parse a duration",
     .text = "import re\n"
             "\n"
             "\n"
             "def parse_duration(text):\n"
             "    \"\"\"Turn a text such as \"1h 30m\" or \"45s\" into a number of seconds.\"\"\"\n"
             "    seconds =",
     .shown = true},
    {.kind = "code",
     .name = "total of a basket",
     .text =
         "class Basket:\n"
         "    \"\"\"What a customer is about to buy: a list of (article, quantity, price in cents).\"\"\"\n"
         "\n"
         "    def __init__(self):\n"
         "        self.lines = []\n"
         "\n"
         "    def total(self, discount_percent=0):\n"
         "        \"\"\"Return the sum in cents, rounded down.\"\"\"\n"},
    {.kind = "code",
     .name = "readings above a limit",
     .text = "// Returns the readings above the limit, newest first, as lines for the log.\n"
             "function formatAlarms(readings, limit) {\n"
             "  const"},
    {.kind = "prose",
     .name = "a lighthouse",
     .text =
         "The lighthouse at the northern cape was built in three summers, because in winter no boat could "
         "land there. The first keeper",
     .shown = true},
    {.kind = "prose",
     .name = "dough",
     .text =
         "Bread rises because yeast eats sugar and gives off gas. Bakers let the dough rest in a warm place, "
         "and while it rests"},
    {.kind = "prose",
     .name = "a lost compass",
     .text =
         "On the last day of the fair, Nora found a small brass compass in the grass behind the stables. It"},
    {.kind = "chat", .name = "basil", .text = "How do I keep basil alive on a kitchen windowsill?"},
    {.kind = "chat",
     .name = "a note to neighbours",
     .text =
         "Write a short note to my neighbours: the water will be turned off on Tuesday from nine to noon."},
}};

}  // namespace pass
