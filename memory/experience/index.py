"""Index of a lesson book: a Chroma collection that is brought into agreement with the book.

``agrees.json`` beside the collection says up to which byte of the book, by its digest, the collection
agrees with it. A book that only grew since costs its new lessons alone; one that was edited costs a
comparison of every text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memory.experience.catalogue import Entry, digest, document
from memory.experience.embedding import Embedding, chroma_function
from memory.experience.lessons import LessonBook

COLLECTION = "experience"
HNSW = {"space": "cosine", "ef_construction": 24, "max_neighbors": 6}
"""Chroma builds its graph as rows come in. Nothing here walks it, so it is a small one."""
_BATCH = 500
_PAGE = 10_000
"""Rows that are compared at a time."""


@contextmanager
def open_collection(folder: Path, book: LessonBook, embedding: Embedding) -> Iterator[Any]:
    """The open collection under ``folder``, holding exactly the lessons of ``book``; imports Chroma."""
    import chromadb
    from chromadb.config import Settings

    client: Any = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    try:
        yield _agreeing(client, folder / "agrees.json", book, embedding)
    finally:
        client.close()


def _agreeing(client: Any, stamp: Path, book: LessonBook, embedding: Embedding) -> Any:
    """The collection after adding, mending and deleting what differs."""
    entries, (length, held) = book.entries(), book.prefix()
    names = {collection.name: collection.metadata or {} for collection in client.list_collections()}
    usable = names.get(COLLECTION, {}).get("embedding") == embedding.name
    collection: Any = (
        client.get_collection(COLLECTION, embedding_function=chroma_function(embedding)) if usable else None
    )
    agreed = _agreed_bytes(stamp, collection, book) if usable else None
    if agreed == length:
        return collection
    stamp.unlink(missing_ok=True)
    if agreed is not None:
        missing = [entry for entry in entries if entry.start >= agreed]
    else:
        missing, gone = _differences(collection, entries)
        if collection is None or len(gone) > collection.count() // 2:
            collection, missing = _new_collection(client, COLLECTION in names, embedding), list(entries)
        else:
            for start in range(0, len(gone), _BATCH):
                collection.delete(ids=gone[start : start + _BATCH])
    for start in range(0, len(missing), _BATCH):
        batch = list(book.lessons(missing[start : start + _BATCH]))
        collection.upsert(
            ids=[lesson.id for lesson in batch],
            documents=[document(lesson) for lesson in batch],
            metadatas=[{"task": lesson.task, "domain": lesson.domain} for lesson in batch],
        )
    stamp.write_text(json.dumps({"bytes": length, "digest": held.hex(), "rows": len(entries)}))
    return collection


def _agreed_bytes(stamp: Path, collection: Any, book: LessonBook) -> int | None:
    """Up to which byte of the book the collection agrees with it; None when that is not known."""
    try:
        told = json.loads(stamp.read_bytes())
        length, held, rows = int(told["bytes"]), str(told["digest"]), int(told["rows"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):  # none, or half of one
        return None
    whole = 0 <= length <= book.prefix()[0] and book.prefix_digest(length).hex() == held
    return length if whole and collection.count() == rows else None


def _differences(collection: Any, entries: tuple[Entry, ...]) -> tuple[list[Entry], list[str]]:
    """Lessons that the collection lacks, and the ids of rows that the book has not or says otherwise."""
    wanted = {entry.id: entry for entry in entries}
    same: set[str] = set()
    gone: list[str] = []
    for start in range(0, collection.count() if collection is not None else 0, _PAGE):
        rows = collection.get(limit=_PAGE, offset=start, include=["documents", "metadatas"])
        for id, text, where in zip(rows["ids"], rows["documents"], rows["metadatas"], strict=True):
            entry = wanted.get(id)
            if entry is not None and entry.document == digest(text) and entry.task == where["task"]:
                same.add(id)
            else:
                gone.append(id)
    return [entry for entry in entries if entry.id not in same], gone


def _new_collection(client: Any, exists: bool, embedding: Embedding) -> Any:
    if exists:
        client.delete_collection(COLLECTION)
    return client.create_collection(
        COLLECTION,
        embedding_function=chroma_function(embedding),
        metadata={"embedding": embedding.name},
        configuration={"hnsw": HNSW},
    )
