"""Build the tokenizer of the bundled base model: `python -m tools.pretraining.tokenizer --out DIR`.

Byte-level BPE, so every text round-trips exactly. Before BPE a regular expression cuts the text into pieces:
digits and Chinese characters stand alone, lower-case words keep their leading space, words between quotes or
commas are pieces of their own, and all other letters stand one by one, so that SMILES strings are read
atom by atom (`Cl` and `Br` are single pieces).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.pretraining.skills.chinese import FORMULAS, GOODS, KINDS_ZH, PEOPLE, UNITS
from tools.pretraining.skills.mixture import documents
from tools.pretraining.skills.words import COLUMNS, GENERAL, NAMES, PARTS, THINGS

PAD, BOS, USER, ASSISTANT, END = "<|pad|>", "<|bos|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL = (PAD, BOS, USER, ASSISTANT, END)

PIECES = "|".join(
    (
        r""" [a-z]+(?=[ ,.;:!?"'\n\-)]|$)""",  # a lower-case word with its space
        r"(?:Cl|Br)(?![abd-z])",  # two-letter atoms
        r"""(?<![A-Za-z0-9])[A-Z]?[a-z]+(?=[ ,.;:!?"'\n\-_)\]{}=]|$)""",  # a word without a space
        r"""\{"|"\}|": "|":"|": |":|", "|","|",|\],\["|\["|\]\]\}""",  # the joints of JSON
        r"[\s\S]",
    )
)

CHAT_TEMPLATE = (
    "{{- bos_token -}}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{{- '<|assistant|>' -}}{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- '<|user|>' + message['content'] -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)

# Characters that Chinese questions on business and daily life use often; the word lists add theirs.
COMMON_CHINESE = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里"
    "用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实"
    "日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政"
    "美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员"
    "解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件"
    "计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象"
    "完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔收根干造"
    "算按款项列示选择判断正确错误说法描述符合以下哪属于计算年末年初季度累计合计差额比率比例倍半首末余额总额"
    "净利率期限风险投资者企业公司银行客户账户票面市场交易买卖卖出买入价格股票债券基金期货保险税费用成本收入"
    "利润资产负债权益折旧摊销减值准备坏账存货固定无形应收应付预收预付短期长期借贷方向科目凭证账簿报表现流"
    "持有份额手续费申购赎回管托净值累单位分红派息除权股本每股盈市净发行承销挂牌证券监督委员会客保证金合约"
    "开仓平仓多空头交割月结算盈亏点杠杆保额保费被投受益人免赔比例付责任限额退现价缴纳终身寿健康意外伤害纳税"
    "所得增值消关抵扣进销项起征速算应税含不需求供给弹性均衡边际机会垄断竞争通胀失业国内生产总值货币财政政策"
    "利息复单现终贴年金概率期望方差标准独立随机变量分布均匀死亡生存规划教育退休养老预算家庭储蓄紧急备用配置"
    "甲乙丙丁一二三四五六七八九十百千万亿零元角分升降涨跌幅低高最小大等于超不足满至少约左右另外剩下原先后来"
    "厂店班车间仓库部门采购销售运输租赁工资薪酬奖金培训广告宣传差旅办公维修水电煤气材料零件产成完工程设备"
)


def chinese_characters() -> list[str]:
    """Every Chinese character and full-width mark that becomes a token of its own, in a fixed order."""
    words = [*KINDS_ZH, *KINDS_ZH.values(), *UNITS, *PEOPLE, *GOODS, *(w for f in FORMULAS for w in f[:3])]
    text = "".join(words) + COMMON_CHINESE
    text += "".join(t.prompt + t.answer for d in documents(99, 1.0, 20_000) for t in d.turns)
    marks = "，。：；？！、（）“”《》％．"
    return list(dict.fromkeys(c for c in text + marks if "\u4e00" <= c <= "\u9fff" or c in marks))


def _corpus() -> Iterator[str]:
    for document in documents(98, 1.0, 40_000):
        for turn in document.turns:
            yield turn.prompt
            yield turn.answer
    for word in GENERAL:
        yield from [f"{word} a"] * 20
        yield from [f"a {word} a"] * 200
    for word in (*NAMES, *COLUMNS, *PARTS, *THINGS):
        yield from [f"{word} a"] * 100
        yield from [f"a {word.lower()} a"] * (100 if word.islower() else 0)


def build(vocab_size: int) -> Any:
    """Train the tokenizer and return it as a `PreTrainedTokenizerFast`.

    The merges of English words and JSON joints come from BPE training on curriculum text; the merges that
    make one token of each Chinese character follow. Pieces never span both, so the two do not meet.

    Args:
        vocab_size: The number of tokens in all; what Chinese does not need goes to words.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    chinese = _chinese_merges()
    n_chinese = len({"".join(pair) for pair in chinese})
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - n_chinese - len(SPECIAL),
        initial_alphabet=alphabet,
        show_progress=False,
        min_frequency=8,
    )
    draft = Tokenizer(models.BPE())
    draft.pre_tokenizer = splitter
    draft.train_from_iterator((t for t in map(_ascii_only, _corpus()) if t), trainer)
    learned, merges = _vocabulary(draft)
    vocab = {token: k for k, token in enumerate(SPECIAL)}
    for token in sorted(learned, key=learned.__getitem__):
        vocab[token] = len(vocab)
    for pair in chinese:
        vocab.setdefault("".join(pair), len(vocab))
    final = Tokenizer(models.BPE(vocab=vocab, merges=[*merges, *chinese]))
    final.pre_tokenizer, final.decoder = splitter, decoders.ByteLevel()
    final.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=final,
        bos_token=BOS,
        eos_token=END,
        pad_token=PAD,
        padding_side="right",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        additional_special_tokens=[USER, ASSISTANT],
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def _ascii_only(text: str) -> str:
    return "".join(c for c in text if ord(c) < 128)


def _vocabulary(tokenizer: Any) -> tuple[dict[str, int], list[tuple[str, str]]]:
    import json

    model = json.loads(tokenizer.to_str())["model"]
    merges = [(str(a), str(b)) for a, b in model["merges"]]
    return model["vocab"], merges


def _chinese_merges() -> list[tuple[str, str]]:
    """Two merges for each three-byte character: the first two bytes, then the third."""
    from tokenizers import pre_tokenizers

    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    first: dict[tuple[str, str], None] = {}
    second: list[tuple[str, str]] = []
    for character in chinese_characters():
        a, b, c = list(level.pre_tokenize_str(character)[0][0])
        first[(a, b)] = None
        second.append((a + b, c))
    return [*first, *second]


def main(argv: list[str] | None = None) -> None:
    """Build and save the tokenizer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocab-size", type=int, default=3072)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = build(args.vocab_size)
    tokenizer.save_pretrained(args.out)
    sys.stdout.write(f"{len(tokenizer)} tokens\n")


if __name__ == "__main__":
    main()
