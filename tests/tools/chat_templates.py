"""Chat templates in the forms that families of models use, written for the tests: {name: (text, control tokens)}.

Each has what recognising a template by its tokens would miss: default system messages, dates, thinking, alternation.
"""

_CHATML = ["<|im_start|>", "<|im_end|>"]
_LLAMA3 = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
_PHI = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
_GRANITE = ["<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"]
_GEMMA = ["<start_of_turn>", "<end_of_turn>"]
_INST = ["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"]
_ALTERNATE = (
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant') }}{% endif %}"
)

TEMPLATES = {
    "chatml": (
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        _CHATML,
    ),
    "chatml-escaped": (
        r"{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        r"{{ '<|im_start|>system\nIt\'s a \"test\"\tof\\escapes<|im_end|>\n' }}{% endif %}"
        r"{{'<|im_start|>' + message.role + '\n' + message['content'] | trim + '<|im_end|>' + '\n'}}{% endfor %}"
        r"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        _CHATML,
    ),
    "chatml-system-by-variable": (
        "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content'] %}\n"
        "    {%- set rest = messages[1:] %}\n{%- else %}\n    {%- set system_message = 'You are a helpful assistant.' %}\n"
        "    {%- set rest = messages %}\n{%- endif %}\n{{- '<|im_start|>system\\n' ~ system_message ~ '<|im_end|>\\n' }}\n"
        "{%- for message in rest %}\n    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}\n"
        "{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n<think>\\n' }}\n{%- endif %}\n",
        _CHATML,
    ),
    "smollm3": (
        "{%- if enable_thinking is not defined -%}\n{%- set enable_thinking = true -%}\n{%- endif -%}\n"
        "{%- set mode = '/think' if enable_thinking else '/no_think' -%}\n"
        "{%- if messages[0].role == 'system' -%}\n  {%- set system_message = messages[0].content -%}\n"
        "  {%- if '/no_think' in system_message -%}\n    {%- set mode = '/no_think' -%}\n  {%- elif '/think' in system_message -%}\n"
        "    {%- set mode = '/think' -%}\n  {%- endif -%}\n"
        "  {%- set custom = system_message.replace('/no_think', '').replace('/think', '').rstrip() -%}\n{%- endif -%}\n"
        "{{- '<|im_start|>system\\n' -}}\n{{- '## Metadata\\n\\n' -}}\n{%- set today = strftime_now('%d %B %Y') -%}\n"
        "{{- 'Today Date: ' ~ today ~ '\\n' -}}\n{{- 'Reasoning Mode: ' + mode + '\\n\\n' -}}\n"
        "{%- if custom -%}\n  {{- custom + '\\n\\n' -}}\n{%- else -%}\n  {{- 'You are a helpful assistant.\\n\\n' -}}\n{%- endif -%}\n"
        "{{- '<|im_end|>\\n' -}}\n"
        "{# ───── the turns ───── #}\n"
        "{%- for message in messages -%}\n  {%- set content = message.content if message.content is string else '' -%}\n"
        "  {%- if message.role == 'user' -%}\n    {{ '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}\n"
        "  {%- elif message.role == 'assistant' -%}\n    {% generation %}\n    {%- if mode == '/think' -%}\n"
        "      {{ '<|im_start|>assistant\\n' + content.lstrip('\\n') + '<|im_end|>\\n' }}\n    {%- else -%}\n"
        "      {{ '<|im_start|>assistant\\n' + '<think>\\n\\n</think>\\n' + content.lstrip('\\n') + '<|im_end|>\\n' }}\n"
        "    {%- endif -%}\n    {% endgeneration %}\n  {%- endif -%}\n{%- endfor -%}\n"
        "{%- if add_generation_prompt -%}\n  {%- if mode == '/think' -%}\n    {{ '<|im_start|>assistant\\n' }}\n  {%- else -%}\n"
        "    {{ '<|im_start|>assistant\\n' + '<think>\\n\\n</think>\\n' }}\n  {%- endif -%}\n{%- endif -%}\n",
        _CHATML,
    ),
    "llama3": (
        "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
        "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
        "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
        "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
        _LLAMA3,
    ),
    "llama3.2-dates": (
        "{{- bos_token }}\n{%- if custom_tools is defined %}\n    {%- set tools = custom_tools %}\n{%- endif %}\n"
        "{%- if not date_string is defined %}\n    {%- if strftime_now is defined %}\n"
        "        {%- set date_string = strftime_now(\"%d %b %Y\") %}\n    {%- else %}\n"
        "        {%- set date_string = \"26 Jul 2024\" %}\n    {%- endif %}\n{%- endif %}\n"
        "{%- if not tools is defined %}\n    {%- set tools = none %}\n{%- endif %}\n"
        "{#- The system message is taken out, so that it goes to the right place. #}\n"
        "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content']|trim %}\n"
        "    {%- set messages = messages[1:] %}\n{%- else %}\n    {%- set system_message = \"\" %}\n{%- endif %}\n"
        "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}\n{%- if tools is not none %}\n"
        "    {{- \"Environment: ipython\\n\" }}\n{%- endif %}\n{{- \"Cutting Knowledge Date: December 2023\\n\" }}\n"
        "{{- \"Today Date: \" + date_string + \"\\n\\n\" }}\n{{- system_message }}\n{{- \"<|eot_id|>\" }}\n"
        "{%- for message in messages %}\n    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}\n"
        "        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}\n"
        "    {%- elif 'tool_calls' in message %}\n        {{- raise_exception('no tools here') }}\n    {%- endif %}\n{%- endfor %}\n"
        "{%- if add_generation_prompt %}\n    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\n{%- endif %}\n",
        _LLAMA3,
    ),
    "gemma2": (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for message in messages %}" + _ALTERNATE + "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}"
        "{% else %}{% set role = message['role'] %}{% endif %}"
        "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
        _GEMMA,
    ),
    "mistral-spaces": (
        "{{ bos_token }}{% for message in messages %}" + _ALTERNATE + "{% if message['role'] == 'user' %}"
        "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
        "{{ message['content'] + eos_token}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}"
        "{% endif %}{% endfor %}",
        _INST[:2],
    ),
    "mistral-tight": (
        "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content'] %}\n"
        "    {%- set loop_messages = messages[1:] %}\n{%- else %}\n    {%- set loop_messages = messages %}\n{%- endif %}\n"
        "{%- set ns = namespace() %}\n{%- set ns.index = 0 %}\n{%- for message in loop_messages %}\n"
        "    {%- if not (message.role == 'tool' or (message.tool_calls is defined and message.tool_calls is not none)) %}\n"
        "        {%- if (message['role'] == 'user') != (ns.index % 2 == 0) %}\n"
        "            {{- raise_exception('roles must alternate') }}\n        {%- endif %}\n"
        "        {%- set ns.index = ns.index + 1 %}\n    {%- endif %}\n{%- endfor %}\n\n"
        "{{- bos_token }}\n{%- for message in loop_messages %}\n    {%- if message['role'] == 'user' %}\n"
        "        {%- if loop.last and system_message is defined %}\n"
        "            {{- '[INST]' + system_message + '\\n\\n' + message['content'] + '[/INST]' }}\n        {%- else %}\n"
        "            {{- '[INST]' + message['content'] + '[/INST]' }}\n        {%- endif %}\n"
        "    {%- elif message['role'] == 'assistant' %}\n        {{- message['content'] + eos_token}}\n"
        "    {%- else %}\n        {{- raise_exception('Only user and assistant roles are supported') }}\n    {%- endif %}\n"
        "{%- endfor %}\n",
        _INST[:2],
    ),
    "mistral-system-prompt": (
        "{%- set today = strftime_now('%Y-%m-%d') %}\n{%- set default = 'Made by a company.\\\nThe date is ' + today + '.' %}\n"
        "{{- bos_token }}\n{%- if messages[0]['role'] == 'system' %}\n    {%- set system = messages[0]['content'] %}\n"
        "    {%- set rest = messages[1:] %}\n{%- else %}\n    {%- set system = default %}\n    {%- set rest = messages %}\n"
        "{%- endif %}\n{{- '[SYSTEM_PROMPT]' + system + '[/SYSTEM_PROMPT]' }}\n"
        "{%- set questions = rest | selectattr('role', 'equalto', 'user') | list %}\n{%- set kept = [] %}\n"
        "{%- for message in rest %}\n    {%- if message['role'] not in ['tool'] and not message.get('tool_calls') %}\n"
        "        {%- set kept = kept + [message] %}\n    {%- endif %}\n{%- endfor %}\n"
        "{%- for message in rest %}\n    {%- if message['role'] == 'user' %}\n        {%- if message == questions[-1] %}{{- ' ' }}{%- endif %}\n"
        "        {{- '[INST]' + message['content'] + '[/INST]' }}\n    {%- else %}\n        {{- message['content'] + eos_token }}\n"
        "    {%- endif %}\n{%- endfor %}\n{{- kept | length }}\n",
        _INST,
    ),
    "llama2": (
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}"
        "{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
        + _ALTERNATE + "{% if loop.index0 == 0 and system_message != false %}"
        "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}"
        "{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
        "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
        "{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
        [],
    ),
    "phi3": (
        "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}{{'<|system|>\n' + "
        "message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}"
        "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
        _PHI,
    ),
    "phi4": (
        "{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not none %}"
        "{{ '<|' + message['role'] + '|>' + message['content'] + message['tools'] + '<|end|>' }}{% else %}"
        "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}",
        _PHI,
    ),
    "zephyr": (  # TinyLlama's too; the vocabularies have no tokens for roles
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
        [],
    ),
    "granite": (
        "{%- if messages[0]['role'] == 'system' %}\n    {%- set system_message = messages[0]['content'] %}\n"
        "    {%- set loop_messages = messages[1:] %}\n{%- else %}\n"
        "    {%- set system_message = \"Knowledge Cutoff Date: April 2024.\nToday's Date: \" + strftime_now('%B %d, %Y') + \".\nYou are Granite.\" %}\n"
        "    {%- if tools and documents %}\n        {%- set system_message = system_message + ' Both.' %}\n    {%- elif tools %}\n"
        "        {%- set system_message = system_message + ' Tools.' %}\n    {%- else %}\n"
        "        {%- set system_message = system_message + ' You are a helpful AI assistant.' %}\n    {%- endif %}\n"
        "    {%- if 'citations' in controls and documents %}\n        {%- set system_message = system_message + ' Cite.' %}\n    {%- endif %}\n"
        "    {%- set loop_messages = messages %}\n{%- endif %}\n"
        "{{- '<|start_of_role|>system<|end_of_role|>' + system_message + '<|end_of_text|>\\n' }}\n"
        "{%- for message in loop_messages %}\n"
        "    {{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + '<|end_of_text|>\\n' }}\n"
        "    {%- if loop.last and add_generation_prompt %}\n        {{- '<|start_of_role|>assistant' }}\n"
        "            {%- if controls %}\n                {{- ' ' + controls | tojson()}}\n            {%- endif %}\n"
        "        {{- '<|end_of_role|>' }}\n    {%- endif %}\n{%- endfor %}",
        _GRANITE,
    ),
}
