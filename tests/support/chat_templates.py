"""Chat templates in the style of the common families, with the tiny tokenizer's special tokens."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.tiny_model import make_tiny_model

CHATML = (
    "{% for m in messages %}<|user|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|user|>assistant\n{% endif %}"
)
CHATML_DEFAULT = (
    "{% if messages[0].role != 'system' %}<|user|>system\nYou are Tiny.<|end|>\n{% endif %}" + CHATML
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|user|>{{ m.role }}<|assistant|>\n\n"
    "{{ m.content | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|user|>assistant<|assistant|>\n\n{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if m.role == 'user' %}<|user|> {{ m.content }} <|assistant|>"
    "{% else %} {{ m.content | trim }} {{ eos_token }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for m in messages %}<|user|>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|user|>model\n{% endif %}"
)
QWEN = (
    "{% set ns = namespace(last=0) %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}<|user|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and '</think>' in m.content %}"
    "{% if loop.index0 > ns.last %}<think>\n"
    "{{ m.content.split('</think>')[0].split('<think>')[-1].strip('\n') }}\n</think>\n\n{% endif %}"
    "{{ m.content.split('</think>')[-1].lstrip('\n') }}{% else %}{{ m.content }}{% endif %}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|user|>assistant\n{% endif %}"
)
DISTILLED = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}"
    "{% elif m.role == 'system' %}{{ m.content }}"
    "{% else %}<|assistant|>{{ m.content.split('</think>')[-1] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}"
)
NEEDS_SYSTEM = (
    "{% if messages[0].role != 'system' %}{{ raise_exception('The first message must be a system message') }}"
    "{% endif %}" + CHATML
)
STRIPS = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}<|assistant|>"
    "{{ m.content.split('</think>')[-1].lstrip('\n') }}<|end|>\n"
    "{% else %}<|user|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TOOLS = (
    "{% if tools %}<|user|>system\n{% for t in tools %}{{ t | tojson }}\n{% endfor %}<|end|>\n{% endif %}"
    "{% for m in messages %}<|user|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}<call>{{ c.function | tojson }}</call>{% endfor %}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|user|>assistant\n{% endif %}"
)
ORDINARY = {
    "chatml": CHATML,
    "chatml with a default": CHATML_DEFAULT,
    "llama-3": LLAMA3,
    "mistral": MISTRAL,
    "gemma": GEMMA,
    "qwen": QWEN,
}


def model_with(folder: Path, template: str | None, **tokenizer: object) -> Path:
    """A tiny model with this chat template (None: without one) and changes to its tokenizer's settings."""
    make_tiny_model(folder)
    file = folder / "chat_template.jinja"
    file.unlink()
    if template is not None:
        file.write_text(template)
    settings = folder / "tokenizer_config.json"
    changed = json.loads(settings.read_text()) | tokenizer
    settings.write_text(json.dumps({key: value for key, value in changed.items() if value is not None}))
    return folder
