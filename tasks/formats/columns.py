"""Columns by the names that public data sets give them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tasks.base import Row

PROMPT = (
    "prompt", "question", "instruction", "query", "problem", "input", "user", "human", "source", "src",
    "frage", "pregunta", "domanda", "pergunta", "vraag", "fråga", "pytanie", "otázka", "kérdés", "soru",
    "câu_hỏi", "pertanyaan", "вопрос", "питання", "ερώτηση", "سؤال", "שאלה", "प्रश्न", "คำถาม",
    "问题", "問題", "问", "問", "提问", "题目", "題目", "指令", "输入", "質問", "質問文", "질문", "문제",
)  # fmt: skip
ANSWER = (
    "completion", "answer", "final_answer", "answers", "output", "response", "target", "reply", "assistant",
    "gold", "label", "result", "tgt", "gt", "ground_truth", "groundtruth", "gold_answer", "gold_answers",
    "correct_answer", "correct_answers", "best_answer", "reference_answer", "reference", "expected",
    "expected_answer", "expected_output", "ideal", "entities",
    "antwort", "respuesta", "réponse", "reponse", "risposta", "resposta", "antwoord", "svar", "odpowiedź",
    "odpověď", "válasz", "cevap", "yanıt", "câu_trả_lời", "trả_lời", "jawaban", "ответ", "відповідь",
    "απάντηση", "إجابة", "جواب", "תשובה", "उत्तर", "คำตอบ",
    "答案", "回答", "答", "回复", "回覆", "输出", "標準答案", "标准答案", "答え", "解答",
    "답변", "답", "정답",
)  # fmt: skip
REASONING = ("reasoning", "rationale", "solution", "explanation", "cot", "chain_of_thought", "thought",
             "reasoning_content")  # fmt: skip
CONTEXT = ("context", "contexts", "passage", "passages", "paragraph", "document", "documents", "article",
           "story", "table", "tables", "schema", "support", "evidence", "facts")  # fmt: skip
SYSTEM = ("system", "system_prompt", "system_message", "system_instruction")
TEXT = ("text", "sentence", "content", "document", "review", "comment", "tweet", "utterance", "body")
LABEL = ("label", "labels", "category", "class", "intent", "sentiment", "topic", "gold_label",
         "polarity", "emotion", "stance",
         "kategorie", "klasse", "categoría", "catégorie", "categoria", "categorie", "kategoria", "kategori",
         "etiqueta", "étiquette", "etichetta", "absicht", "intención", "intention", "intento", "stimmung",
         "категория", "метка", "класс", "намерение", "κατηγορία", "تصنيف", "فئة", "קטגוריה", "תווית", "כוונה",
         "श्रेणी", "分类", "分類", "类别", "類別", "标签", "標籤", "意图", "カテゴリ", "カテゴリー", "ラベル",
         "意図", "분류", "라벨", "의도")  # fmt: skip
TOOLS = ("tools", "functions")
CHATS = (
    "messages",
    "conversations",
    "conversation",
    "dialogue",
    "dialog",
    "chat",
    "turns",
    "contents",
    "prompt",
)
CHOICES = ("choices", "options", "endings", "mc_answers")
KEY = (
    "answerKey", "answer_key", "answer_idx", "answer_index", "answer_letter", "correct_idx", "correct_index",
    "correct_letter", "correct_answer_index", "correct_answer_idx", "correct_option", "correct_choice",
    "right_answer", "right_option", "correct_answer", "correct", "cop", "answer", "answers", "label", "gold",
    "gold_index", "target", "答案", "正解", "정답",
)  # fmt: skip
ANSWERING = frozenset(
    {"answer", "answers", "gold", "golden", "target", "targets", "expected", "correct", "corrected",
     "fixed", "label", "labels", "output", "outputs", "response", "responses", "completion", "reply",
     "truth", "solution", "solutions", "summary", "highlights", "translation", "translated",
     "simplified", "paraphrase", "rewritten", "summaries", "gt", "adjudicated", "consensus"}
)  # fmt: skip
"""Words in the name of a column that is the answer, such as ``correct_steps``."""
DENYING = frozenset(
    {"wrong", "incorrect", "negative", "negatives", "silver", "rejected", "bad", "distractor",
     "distractors", "false", "unwanted", "worst", "other"}
)  # fmt: skip
"""Beside one of these, such a word names what is not the answer (``negative_answers``)."""
DESCRIBING = frozenset(
    {"num", "number", "count", "n", "len", "length", "score", "type", "kind", "id", "ids", "idx", "index",
     "start", "end", "source", "url", "explanation", "date", "time", "model", "language", "lang",
     "format", "category", "confidence", "tokens"}
)  # fmt: skip
"""Beside one of these, it names something about the answer (``answer_type``)."""
PREDICTED = frozenset({"predicted", "prediction", "predictions", "preds", "pred"})
"""Words in the name of a column that holds another model's answer, which is no part of the question."""
IN_TOKENS = frozenset({"toks", "tokens", "tokenized", "tokenised", "lemmas"})
"""Words in the name of a column that says another one again, cut into pieces."""
IDS = frozenset(
    {"id", "ids", "uid", "uuid", "guid", "idx", "index", "hash", "sha", "md5", "key", "rowid", "unnamed",
     "#", "nr"}
)  # fmt: skip
META = frozenset(
    {"type", "url", "uri", "link", "license", "licence", "date", "created", "updated", "timestamp",
     "split", "fold", "lang", "language", "difficulty", "year", "level", "author", "version",
     "origin", "dataset", "filename", "path", "page", "metadata", "meta", "task", "subtask", "subset",
     "domain", "source", "provenance", "tags", "quality", "copyright"}
)  # fmt: skip
"""Words in the name of a column that is about the row and neither asked nor answered."""
PEOPLE = frozenset(
    {"user", "username", "author", "speaker", "sender", "annotator", "worker", "rater", "role"}
)
"""Words in the name of a column that says who wrote a row; few of them are no labels."""
HANDLING = frozenset(
    {"user", "username", "author", "annotator", "worker", "rater", "reviewer", "reviewed", "assignee",
     "assigned", "agent", "owner", "editor", "operator", "moderator", "checked", "customer", "client",
     "bearbeiter", "sachbearbeiter", "kunde", "benutzer", "prüfer", "cliente", "usuario", "usuário", "utente",
     "utilisateur", "agente", "担当者", "ユーザー", "顧客", "客户", "用户", "клиент", "сотрудник",
     "by", "to", "name"}
)  # fmt: skip
"""Words of which the whole name of a column is made that says who had to do with a row (``reviewed_by``)."""
MEASURED = frozenset({"measured", "observed", "experimental", "actual", "true"})
"""Beside a column of ``PREDICTED``, such a word names what a model is to predict."""
OF_LABELS = frozenset({"class", "label", "category"})
"""Beside a word of ``IDS``, such a word numbers labels and no rows (``Class Index``)."""
SCORES = frozenset({"score", "scores", "rating", "ratings", "votes", "upvotes", "reward", "grade", "points",
                    "quality", "likes", "stars"})  # fmt: skip
"""Words in the name of a column that says how good an answer is: the higher, the better."""
RANKS = frozenset({"rank", "ranking"})
"""As ``SCORES``, but the lowest is the best."""
MARKING = frozenset({"accepted", "correct", "right", "chosen", "best", "selected", "relevant", "good"})
"""Words in the name of a flag that says whether an answer counts."""
PAIRS = (
    ("chosen", "rejected"), ("chosen_response", "rejected_response"), ("preferred", "dispreferred"),
    ("preferred", "rejected"), ("chosen", "reject"), ("preferred_output", "non_preferred_output"),
)  # fmt: skip


def is_person(name: str) -> bool:
    """Whether a name says who had to do with a row: ``reviewed_by``, and not ``customer_segment``."""
    held = words(name)
    return bool(held & PEOPLE) or (held <= HANDLING and bool(held - {"by", "to", "name"}))


@functools.lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """A column's name in one spelling: ``answerKey``, ``Answer Key`` and ``answer-key`` are one."""
    return re.sub(r"[\s\-_.]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).casefold().strip("_")


def words(name: str) -> frozenset[str]:
    """The words of a column's name: ``goldAnswers`` and ``gold_answers`` are ``gold`` and ``answers``."""
    return frozenset(plain(name).split("_"))


def named(row: Row | Iterable[str], names: Sequence[str], taken: Sequence[str] = ()) -> str:
    """The column whose name ranks first among ``names``; "" when there is none. ``taken`` are passed over."""
    return _named(tuple(name for name in row if isinstance(name, str)), tuple(names), tuple(taken))


@functools.lru_cache(maxsize=4096)
def _named(held: tuple[str, ...], names: tuple[str, ...], taken: tuple[str, ...]) -> str:
    """Cached, as the rows of a table share their columns: spelling them anew takes a millisecond a row."""
    spelt: dict[str, str] = {}
    for name in sorted(held):  # two spellings of one name: the same wins in any order of the columns
        if name not in taken:
            spelt.setdefault(plain(name), name)
    return next((spelt[plain(name)] for name in names if plain(name) in spelt), "")


def value(row: Row, names: Sequence[str], taken: Sequence[str] = ()) -> Any:
    """The value of the first such column; None when there is none."""
    found = named(row, names, taken)
    return row.get(found) if found else None  # a column may be called ""
