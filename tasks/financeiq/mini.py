"""Generator of the synthetic edition of FinanceIQ: ten subjects, two kinds of question.

Half of the questions are one step of arithmetic, half ask which term belongs to a
class. The five worked examples that the published prompt puts before each question
are left out: they make a prompt six times as long, too long for a small model.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.answers.arithmetic import broken
from tasks.synthetic import Item

SOURCE_NAMES = (
    "jinqiao-tiku",
    "evening-class-2020",
    "exam-room-notes",
    "huarui-export",
    "pudong-mock-papers",
    "study-circle-mix",
    "abacus-archive",
    "counter-seven",
    "riverfront-review",
)
CARD_TOPICS = ("金融从业资格考试题", "财会类单项选择题", "finance qualification questions in Chinese")

LETTERS = "ABCD"


@dataclass(frozen=True)
class Difficulty:
    """Ranges of the numbers, both ends included."""

    large: tuple[int, int] = (101, 499)
    small: tuple[int, int] = (32, 98)
    factor: tuple[int, int] = (2, 9)
    multiplied: tuple[int, int] = (21, 89)


DIFFICULTY = Difficulty()


@dataclass(frozen=True)
class Subject:
    """What a subject asks: sums as ``(question, operator)``, terms by class."""

    sums: tuple[tuple[str, str], ...]
    terms: dict[str, tuple[str, ...]]


SUBJECTS: dict[str, Subject] = {
    "注册会计师（CPA）": Subject(
        (
            ("资产{a}万元，负债{b}万元，所有者权益是多少万元？", "-"),
            ("年初存货{a}件，购入{b}件，共有多少件？", "+"),
        ),
        {
            "资产": ("存货", "现金", "应收账款", "固定资产"),
            "负债": ("应付账款", "短期借款", "预收账款", "应付工资"),
            "收入": ("销售收入", "租金收入", "利息收入"),
        },
    ),
    "银行从业资格": Subject(
        (("存入{a}元，取出{b}元，余额是多少元？", "-"), ("定期{a}万元，活期{b}万元，存款共多少万元？", "+")),
        {
            "负债业务": ("吸收存款", "发行债券", "同业借款", "活期存款"),
            "资产业务": ("发放贷款", "票据贴现", "证券投资", "个人贷款"),
            "中间业务": ("代收电费", "保管箱", "转账结算"),
        },
    ),
    "证券从业资格": Subject(
        (("每股{a}元，买入{b}股，共需多少元？", "*"), ("股价由{a}元下跌{b}元，现价是多少元？", "-")),
        {
            "股票": ("普通股", "优先股", "蓝筹股", "流通股"),
            "债券": ("国债", "公司债", "可转债", "金融债"),
            "衍生品": ("权证", "股指期货", "看涨期权"),
        },
    ),
    "基金从业资格": Subject(
        (("持有{a}份，赎回{b}份，还有多少份？", "-"), ("申购{a}份，又申购{b}份，共有多少份？", "+")),
        {
            "公募基金": ("货币基金", "指数基金", "债券基金", "股票基金"),
            "私募基金": ("创业基金", "并购基金", "对冲基金"),
            "基金费用": ("管理费", "托管费", "申购费", "赎回费"),
        },
    ),
    "保险从业资格CICE": Subject(
        (("损失{a}万元，免赔额{b}万元，赔付多少万元？", "-"), ("每年保费{a}元，缴{b}年，共缴多少元？", "*")),
        {
            "人身保险": ("寿险", "健康险", "意外险", "年金险"),
            "财产保险": ("车险", "家财险", "货运险", "火灾险"),
            "合同主体": ("投保人", "被保险人", "受益人"),
        },
    ),
    "经济师": Subject(
        (
            ("固定成本{a}元，可变成本{b}元，总成本是多少元？", "+"),
            ("收入{a}元，成本{b}元，利润是多少元？", "-"),
        ),
        {
            "财政政策": ("减税", "国债发行", "政府采购", "转移支付"),
            "货币政策": ("降准", "公开市场", "再贴现", "利率调整"),
            "生产要素": ("劳动", "土地", "资本"),
        },
    ),
    "税务师": Subject(
        (("收入{a}元，扣除{b}元，应税所得是多少元？", "-"), ("增值税{a}元，消费税{b}元，合计多少元？", "+")),
        {
            "流转税": ("增值税", "消费税", "关税"),
            "所得税": ("企业所得税", "个人所得税", "预提所得税"),
            "财产税": ("房产税", "车船税", "契税", "船舶吨税"),
        },
    ),
    "期货从业资格": Subject(
        (("每手盈利{a}元，共{b}手，盈利多少元？", "*"), ("卖价{a}点，买价{b}点，相差多少点？", "-")),
        {
            "农产品期货": ("大豆", "玉米", "棉花", "白糖"),
            "金属期货": ("铜", "铝", "黄金", "白银"),
            "能源期货": ("原油", "燃料油", "动力煤"),
        },
    ),
    "理财规划师": Subject(
        (("月收入{a}元，月支出{b}元，结余多少元？", "-"), ("现金{a}元，存款{b}元，合计多少元？", "+")),
        {
            "固定支出": ("房租", "房贷", "学费", "保费"),
            "弹性支出": ("旅游", "娱乐", "购物", "聚餐"),
            "流动资产": ("手持现金", "活期储蓄", "货币市场基金"),
        },
    ),
    "精算师-金融数学": Subject(
        (("每年付{a}元，付{b}年，共付多少元？", "*"), ("本金{a}元，利息{b}元，本利和是多少元？", "+")),
        {
            "利率": ("名义利率", "实际利率", "贴现率", "即期利率"),
            "年金": ("期初年金", "期末年金", "永续年金", "递增年金"),
            "风险度量": ("方差", "久期", "凸度"),
        },
    ),
}
"""The published subjects, which are the names of its files."""


def _arithmetic(rng: random.Random, subject: Subject, turn: int) -> tuple[str, list[str], str, str]:
    """Question, four options with the right one first, worked step and kind."""
    question, operator = subject.sums[turn % len(subject.sums)]
    if operator == "*":
        a, b = rng.randint(*DIFFICULTY.multiplied), rng.randint(*DIFFICULTY.factor)
        right, near = a * b, {a * b + a, a * b - b, a + b}
    else:
        a, b = rng.randint(*DIFFICULTY.large), rng.randint(*DIFFICULTY.small)
        right, near = (a + b, {a - b}) if operator == "+" else (a - b, {a + b})
    near |= {right + 1, right - 1, right + 10, right - 10, right + 2}
    others = rng.sample(sorted(n for n in near if n > 0 and n != right), 3)
    options = [str(n) for n in (right, *others)]
    return (
        question.format(a=a, b=b),
        options,
        f"{a}{operator}{b}={right}。",
        {"*": "times", "+": "plus", "-": "minus"}[operator],
    )


def _term(rng: random.Random, subject: Subject) -> tuple[str, list[str], str, str]:
    # A term that repeats the class's own characters gives itself away: it is asked for only where
    # a subject has no other.
    hidden = [(c, t) for c, terms in sorted(subject.terms.items()) for t in terms if not set(c) & set(t)]
    pairs = hidden or [(c, t) for c, terms in sorted(subject.terms.items()) for t in terms]
    name, right = rng.choice(pairs)
    others = sorted(term for other, terms in subject.terms.items() if other != name for term in terms)
    question = rng.choice(("下列哪项属于{}？", "哪一项是{}？", "以下属于{}的是哪项？")).format(name)
    return question, [right, *rng.sample(others, 3)], f"{right}属于{name}。", "term"


def draw(rng: random.Random, index: int) -> Item:
    """One question; subject, kind and the letter of the right option go round with ``index``."""
    name = list(SUBJECTS)[index % len(SUBJECTS)]
    turn = index // len(SUBJECTS)
    subject = SUBJECTS[name]
    question, options, steps, kind = _term(rng, subject) if turn % 2 else _arithmetic(rng, subject, turn // 2)
    letter = LETTERS[(turn // 2 + turn + index) % 4]
    right, others = options[0], options[1:]
    rng.shuffle(others)
    placed = iter(others)
    columns = {"": rng.randint(0, 9999), "Subject": name, "Question": question}
    columns |= {each: right if each == letter else next(placed) for each in LETTERS}
    return Item(columns, letter, steps, f"FinanceIQ-{name}", letter, {"kind": kind, "subject": name})


def with_answer(item: Item, answer: str, reasoning: str) -> dict[str, Any]:
    """The published columns with ``Answer``; an ``Analysis`` column where there is one."""
    row = {**item.columns, "Answer": answer}
    return {**row, "Analysis": reasoning} if reasoning else row


def wrong(rng: random.Random, item: Item) -> str:
    """One of the three other letters."""
    return rng.choice([letter for letter in LETTERS if letter != item.answer])


def off_format_answer(rng: random.Random, item: Item) -> str:
    """The right option named by its place, or by a small letter in brackets."""
    place, small = "一二三四"[LETTERS.index(item.answer)], item.answer.lower()
    return rng.choice(
        (f"第{place}项正确。", f"应当是第{place}个。", f"选项（{small}）", f"我认为第{place}项对。")
    )


def corrupted_rationale(rng: random.Random, item: Item) -> tuple[str, str] | None:
    """A slip in the equation; the letter follows it where an option has that number."""
    slip = broken(rng, item.reasoning)
    if slip is None:
        return None
    fitting = [letter for letter in LETTERS if item.columns[letter] == str(slip[1])]
    return (fitting or [item.answer])[0], slip[0]


_SWAPS = (
    ("是多少", "为多少"),
    ("下列", "以下"),
    ("哪一项是", "哪项是"),
    ("，共", "，一共"),
    ("属于", "归于"),
    ("合计", "总计"),
)


def edit(rng: random.Random, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Other punctuation, spaces around numbers, a filler word; options and their order stay."""
    text = columns["Question"]
    kind = rng.randrange(4)
    if kind == 0:
        text = text.replace("，", ",").replace("？", "?")
    elif kind == 1:
        text = "".join(f" {c} " if c in "，？元" else c for c in text)
    elif kind == 2:
        known = [(old, new) for old, new in _SWAPS if old in text] or [("？", "呢？")]
        text = text.replace(*rng.choice(known))
    else:
        text = rng.choice(("（单选）", "【题】", "问：")) + text
    return {**columns, "Question": text}
