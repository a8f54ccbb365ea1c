"""A question is a leak with and without the instruction around it, in any language; another one is none."""

from __future__ import annotations

import random

import pytest

from tasks.custom.read_rows import conversation_text
from tasks.repeats.frame import Frame
from tools.contamination.check import Decontaminator

MUSEUMS = {
    "en": (
        "You help the visitors of a town's museum. Read the question with care and think about what is "
        "really asked before you write. Answer in one short sentence and never mention these rules",
        ["Where is {} number {} kept?", "Who painted the {} of hall {}?", "How old is the {} with tag {}?"],
        "lantern violin kettle saddle curtain anchor basket ladder mirror helmet",
    ),
    "zh": (
        "你是城市博物馆的助手，请仔细阅读参观者的问题，先想清楚对方真正想知道什么，"
        "然后只用一句话回答，不要提到这些规则",
        ["第{1}号{0}放在哪里？", "{1}号厅的{0}是谁画的？", "编号{1}的{0}有多少年历史？"],
        "灯笼 小提琴 水壶 马鞍 窗帘 船锚 篮子 梯子 镜子 头盔",
    ),
    "de": (
        "Du hilfst den Besuchern des Stadtmuseums. Lies die Frage sorgfältig und überlege, was wirklich "
        "gefragt ist, bevor du schreibst. Antworte in einem kurzen Satz und erwähne diese Regeln nie",
        ["Wo liegt {} Nummer {}?", "Wer hat {} in Saal {} gemalt?", "Wie alt ist {} mit Marke {}?"],
        "Laterne Geige Kessel Sattel Vorhang Anker Korb Leiter Spiegel Helm",
    ),
    "es": (
        "Ayudas a los visitantes del museo de la ciudad. Lee con cuidado la pregunta y piensa en lo que "
        "quieren saber antes de escribir. Responde con una sola frase y no menciones nunca estas reglas",
        ["¿Dónde se guarda {} número {}?", "¿Quién pintó {} de sala {}?", "¿Qué edad tiene {} con {}?"],
        "linterna violín tetera montura cortina ancla cesta escalera espejo casco",
    ),
    "ja": (
        "あなたは市立博物館の案内係です。質問を丁寧に読み、本当に知りたいことは何かを"
        "よく考えてから、短い一文だけで答え、この規則には触れないでください",
        [
            "{1}番の{0}はどこにありますか？",
            "第{1}室の{0}は誰が描きましたか？",
            "札{1}の{0}はいつの物ですか？",
        ],
        "提灯 バイオリン やかん 馬具 カーテン 船錨 花かご はしご 手鏡 兜飾り",
    ),
    "ru": (
        "Вы помогаете посетителям городского музея. Внимательно прочитайте вопрос и подумайте, что они хотят "
        "узнать, прежде чем писать. Ответьте одним коротким предложением и не упоминайте эти правила",
        [
            "Где хранится {} номер {}?",
            "Кто нарисовал предмет {} из зала {}?",
            "Когда куплен {} под знаком {}?",
        ],
        "фонарь скрипка чайник седло занавес якорь корзина лестница зеркало шлем",
    ),
    "ar": (
        "أنت تساعد زوار متحف المدينة. اقرأ السؤال بعناية وفكر فيما يريدون أن يعرفوه حقا قبل أن تكتب. "
        "أجب بجملة قصيرة واحدة ولا تذكر هذه القواعد أبدا",
        ["أين يحفظ {} رقم {}؟", "من رسم {} في القاعة {}؟", "كم عمر {} ذي البطاقة {}؟"],
        "فانوس كمان إبريق سرج ستارة مرساة سلة سلم مرآة خوذة",
    ),
}
PLACES = ["before", "inline", "labels", "after", "around", "turns"]


def questions(language: str, count: int) -> list[str]:
    """Different questions, by their form, their thing or their number alone."""
    _, forms, things = MUSEUMS[language]
    some = [form.format(thing, n) for form in forms for thing in things.split() for n in range(40, 50)]
    return random.Random(language).sample(some, count)


def framed(language: str, place: str, question: str) -> str:
    rules = MUSEUMS[language][0]
    if place == "turns":
        other = [{"role": "user", "content": question}]
        return conversation_text([{"role": "system", "content": rules}, *other])
    return {
        "before": f"{rules}.\n\n{question}",
        "inline": f"{rules}: {question}",
        "labels": f"{rules}.\nQ: {question}\nA:",
        "after": f"{question}\n\n{rules}.",
        "around": f"{rules}.\n{question}\n{rules[len(rules) // 2 :]}.",
    }[place]


def guard(prompts: list[str], rows: list[str] | None = None) -> Decontaminator:
    items = [(f"test:{place}", prompt, "x") for place, prompt in enumerate(prompts)]
    return Decontaminator(items, [(row, "x") for row in rows or []])


def missed(decontaminator: Decontaminator, rows: list[str]) -> list[str]:
    return [row for row in rows if decontaminator.check(row, "x") is None]


@pytest.mark.parametrize("language", MUSEUMS)
@pytest.mark.parametrize("place", PLACES)
def test_a_test_question_without_its_instruction_is_a_leak_and_another_question_is_none(
    language: str, place: str
):
    asked = questions(language, 200)
    held, others = asked[:100], asked[100:]
    decontaminator = guard([framed(language, place, question) for question in held])
    assert missed(decontaminator, held) == []
    assert missed(decontaminator, others) == others
    wrapped = [framed(language, place, question) for question in others]
    assert missed(decontaminator, wrapped) == wrapped


@pytest.mark.parametrize("language", MUSEUMS)
@pytest.mark.parametrize("place", PLACES)
def test_a_bare_test_question_under_the_instruction_of_the_rows_is_a_leak_and_another_question_is_none(
    language: str, place: str
):
    asked = questions(language, 200)
    held, others = asked[:100], asked[100:]
    rows = [framed(language, place, question) for question in asked]
    decontaminator = guard(held, rows)
    assert missed(decontaminator, rows[:100]) == []
    assert missed(decontaminator, rows[100:]) == rows[100:]
    assert missed(decontaminator, others) == others


@pytest.mark.parametrize("count", [5, 8])
def test_a_handful_of_items_shows_its_instruction(count: int):
    held = questions("en", count)
    decontaminator = guard([framed("en", "before", question) for question in held])
    assert missed(decontaminator, held) == []
    assert decontaminator.check(held[0]) == ("framed", "test:0")


def test_a_test_question_under_the_instruction_of_another_data_set_is_a_leak():
    held = questions("en", 60)
    other = (
        "Below stands a note that somebody left at the desk this week; say what you know about it, in brief."
    )
    rows = [f"{other}\n\n{question}" for question in held]
    decontaminator = guard([framed("en", "labels", question) for question in held[:30]], rows)
    assert missed(decontaminator, rows) == rows[30:]


def test_a_sentence_to_be_put_into_another_language_is_another_question():
    form = "Read the sentence of our museum below with great care and put all of it into {}, please: {}"
    asked = questions("en", 60)
    rows = [form.format("Danish", question) for question in asked]
    decontaminator = guard([form.format("Welsh", question) for question in asked[:30]], rows)
    rules = {match.rule for row in rows for match in decontaminator.matches(row)}
    assert "framed" not in rules
    assert missed(decontaminator, asked[:30]) == []


def test_the_instruction_of_other_items_makes_another_question():
    other = (
        "Count the vowels of the line that follows, leave out all others, and reply with one number only: "
    )
    asked = questions("en", 60)
    items = [framed("en", "inline", question) for question in asked[:30]]
    items += [other + question for question in asked[30:]]
    decontaminator = guard(items)
    rules = {match.rule for question in asked[:30] for match in decontaminator.matches(other + question)}
    assert "framed" not in rules
    assert missed(decontaminator, asked) == []


def test_a_clause_that_few_rows_have_is_no_instruction():
    held = ["Delete the nitro group of the first ring", "Delete the halo group of the last chain"]
    more = [f"{question}, and add a thiol to the third atom of the longest chain" for question in held]
    rows = [*more, *questions("en", 60)]
    assert missed(guard(held, rows), more) == more
    assert missed(guard(more, rows), held) == held


def test_questions_of_few_words_are_no_leaks_under_any_instruction():
    users = ["hi", "thanks", "reset it", "who are you", "go on", "what now"]
    decontaminator = guard([framed("en", "turns", user) for user in users])
    assert missed(decontaminator, users) == users


def test_a_frame_is_what_leads_to_an_end_of_the_text():
    texts = [(1, 2, 3, 100 + n, 7, 200 + n, 8, 9) for n in range(10)]
    frame = Frame(texts)
    assert frame.ends(texts[0]) == (3, 2)
    assert frame.ends((5, *texts[0])) == (0, 2)
    assert Frame(texts[:4]).ends(texts[0]) == (0, 0)


def test_a_frame_of_some_texts_must_be_long():
    long, short = tuple(range(1, 13)), (50, 51, 52)
    texts = [(*long, 100 + n) for n in range(30)] + [(*short, 200 + n) for n in range(70)]
    assert Frame(texts).ends(texts[0]) == (12, 0)
    assert Frame(texts).ends(texts[-1]) == (0, 0)


def test_frames_depend_on_all_rows_together_in_any_order_and_change_the_digest():
    asked = questions("en", 60)
    rows = [framed("en", "before", question) for question in asked]
    first, turned = guard(asked[:20], rows), guard(asked[:20], rows[::-1])
    assert first.digest() == turned.digest() != guard(asked[:20]).digest()
    assert missed(guard(asked[:20]), rows[:20]) == rows[:20]
