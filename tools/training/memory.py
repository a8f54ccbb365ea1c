"""Memory of a training by formula: what is held for its weights, its optimiser and its longest batch.

With P parameters, of which D stand in the linear layers and T are trained, N layers of H hidden and I
feed-forward units, keys and values of K units each, V words, batches of B rows of L tokens, of which
A positions carry loss. In bytes:

    weights      full: 4 P, and 2 D of bfloat16 copies for autocast;  LoRA: 2 P;
                 4-bit: 0.52 D + 2 (P - D) and one layer unpacked
    gradients    4 T                  of what is trained, always in float32
    optimiser    8 T (Adam's two moments), 2 T in 8 bits, and 6 V H more for the embedding, left in 32
    copies       4 T each for the best weights and the mean of the last, where that is little; a range
                 test has one before
    activations  B L N (32 H + 2 K + 8 I + 2 L)      full, bfloat16 autocast
                 B L N (24 H + 4 K + 8 I + 2 L)      LoRA over bfloat16 weights
                 B L N (32 H + 8 K + 16 I + 4 L)     full in float32; 24 H with LoRA
                 and 28 r B L N with LoRA of rank r, and 12 B L H for the last norm
                 checkpointed: 4 H a token and layer (LoRA: 2 H), and one layer in full
    logits       B A V (2 + 2 in bfloat16, and 3 x 4 in float32): the positions that carry loss
    DoRA         each linear layer's output twice, 8 (3 H + 2 K + 2 I) B L N, and one layer's weight three
                 times for its norm; dropout of LoRA 8 (6 H + I) - 4 (2 H + I); half of both in bfloat16

Shared out among G devices (FSDP), each has 1/G of the weights, and of the gradients and moments of full
fine-tuning, the activations of its rows, and what is gathered: two layers, one in use and one on its
way, and the tables, which stay (2 bytes a parameter, 4 in float32).

A backward pass frees activations while it fills gradients, so the peak lies at its start or at its end.
The factors of the activations are counted: the bytes that autograd saves for a Llama layer of
transformers 5 with SDPA, taken apart by width (``python -m tests.bench.memory_estimate`` holds the sum
against measured peaks). Weights, gradients and moments after ZeRO (arXiv:1910.02054), 4-bit after QLoRA
(arXiv:2305.14314).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from memory.recipe import DataCard
from memory.records import TrainingPlan
from tools.models.base_model import BaseModel
from tools.models.held import LARGEST_SHARE
from tools.models.precision import NARROW_WIDTH
from tools.process.machine import Machine
from tools.training.ranks import processes_for
from tools.training.weight_copy import BESIDE_SHARE

GIB = 1 << 30
CHECKPOINTED_PARAMETERS = 300_000_000
"""From this size on, activations are computed again where a plan does not say."""
PACKED_BYTES = 0.52
"""Of a 4-bit weight with its quantised scales: 4.127 bits."""
USUAL_ANSWER_SHARE = 0.5
"""Of a row, where its answer's length is not known."""


class LongestBatch(NamedTuple):
    """The batch that needs most."""

    rows: int
    tokens: float
    """Of its longest row: every row is padded to it."""
    trained_tokens: float
    """Positions of a row that carry loss."""


@dataclass(frozen=True)
class MemoryNeed:
    """Peak memory above the libraries, by part, in bytes."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    cast: float = 0.0
    """Copies of trained weights in the type of the products; they live as long as activations."""
    early_gradients: float = 0.0
    """Gradients that are there when the backward pass starts: of the output layer, or all by accumulation."""
    late: float = 0.0
    """What the end of the backward pass holds beside the gradients."""
    loading: float = 0.0
    """While weights are read: on a CPU the file's pages beside what is made of them."""
    kept: float = 0.0
    """The model as it was loaded, kept for the next training (``tools.models.held``)."""
    copies: float = 0.0
    """Weights as they were, or the best and the mean of the last (``tools.training.weight_copy``), where that
    is little."""

    @property
    def fixed(self) -> float:
        """What does not depend on the batch."""
        return self.kept + self.copies + self.weights + self.optimizer

    @property
    def peak_bytes(self) -> float:
        """The largest of loading, the start of the backward pass, and its end."""
        start = self.fixed + self.early_gradients + self.cast + self.activations + self.logits
        return max(self.loading, start, self.fixed + self.gradients + self.late)

    @property
    def peak_gib(self) -> float:
        """``peak_bytes`` in GiB."""
        return self.peak_bytes / GIB


def longest_batch(plan: TrainingPlan, card: DataCard) -> LongestBatch:
    """As large as a batch of the card's rows can be; cards of earlier versions know only a mean."""
    tokens = min(float(plan.max_length), card.longest_tokens or 2.0 * card.mean_tokens)
    trained = card.longest_trained_tokens or USUAL_ANSWER_SHARE * tokens
    return LongestBatch(min(plan.per_device_train_batch_size, card.rows), tokens, min(trained, tokens))


def checkpoints(plan: TrainingPlan, parameters: int) -> bool:
    """Whether activations of a model with so many parameters are computed again."""
    if plan.gradient_checkpointing is None:
        return parameters > CHECKPOINTED_PARAMETERS
    return plan.gradient_checkpointing


def linear_parameters(model: BaseModel) -> float:
    """Of the layers: all parameters but embedding and output."""
    tables = model.vocab * model.hidden_size * (1 if model.tied_embeddings else 2)
    return max(0.0, float(model.parameters - tables))


def trained_parameters(plan: TrainingPlan, model: BaseModel) -> float:
    """All of them, or the two low-rank matrices of every linear layer of a Llama block, and DoRA's norms."""
    if plan.method == "full":
        return float(model.parameters)
    width, inner, keys = model.hidden_size, _inner(model), _keys(model)
    # q and o are square, k and v narrow, gate, up and down go between H and I.
    matrices = plan.lora_r * (4 * width + 2 * (width + keys) + 3 * (width + inner))
    return float(model.n_layers * (matrices + (_outputs(model) if plan.use_dora else 0)))


def memory_need(plan: TrainingPlan, model: BaseModel, batch: LongestBatch, where: Machine) -> MemoryNeed:
    """The parts of a training's peak.

    Args:
        plan: method, batch, checkpointing, precision.
        model: what is trained.
        batch: the largest one.
        where: a GPU, or else cores; whether they multiply in bfloat16 (narrow models stay in float32 all the
            same), and whether there is room to keep the loaded model beside the one that is trained.
    """
    on_gpu = bool(where.gpus)
    devices = processes_for(plan.per_device_train_batch_size, len(where.gpus)) if plan.fsdp else 1
    free = where.gpu_memory_gib if on_gpu else where.memory_gib
    half = (on_gpu or where.bfloat16) and model.hidden_size > NARROW_WIDTH
    full, trained = plan.method == "full", trained_parameters(plan, model)
    batch = batch._replace(rows=-(-batch.rows // devices))
    activations, layer = _activations(plan, model, batch, half)
    weights, cast = _weights(plan, model, half) / devices, _cast(plan, model, half, devices)
    own = devices if full else 1  # adapters are whole in each process
    kept = (
        4.0 * model.parameters
        if full and devices == 1 and 4 * model.parameters < LARGEST_SHARE["float32"] * free * GIB
        else 0.0
    )
    small = devices == 1 and 4 * trained <= BESIDE_SHARE * free * GIB
    most = max(plan.range_test, plan.early_stopping + plan.average_weights)  # the ramp's is gone before
    copies = 4 * trained * most if small else 0.0
    gradients = 4 * trained / own
    early = table_gradient = 4.0 * model.vocab * model.hidden_size if full else 0.0
    if plan.gradient_accumulation_steps > 1:
        early += gradients  # of the batches before
    return MemoryNeed(
        weights=weights + (0 if full else 4 * trained),
        gradients=gradients,
        optimizer=_moments(plan, model) / own,
        activations=activations + _unpacked(plan, model, half),
        logits=batch.rows * batch.trained_tokens * model.vocab * ((4 if half else 0) + 12),
        cast=cast,
        early_gradients=early,
        late=table_gradient + layer + (cast if devices > 1 else 0.0),
        loading=weights + (0.0 if on_gpu else model.size_gib * GIB),
        kept=kept,
        copies=copies,
    )


def _moments(plan: TrainingPlan, model: BaseModel) -> float:
    """Bytes of Adam's two moments; in 8 bits but for the embedding, which transformers leaves in 32."""
    trained = trained_parameters(plan, model)
    if plan.optim == "adamw_torch_fused":
        return 8 * trained
    return 2 * trained + (6 * model.vocab * model.hidden_size if plan.method == "full" else 0)


def _activations(
    plan: TrainingPlan, model: BaseModel, batch: LongestBatch, half: bool
) -> tuple[float, float]:
    """Bytes that the forward pass saves, and of them those of one layer in full."""
    tokens = batch.rows * batch.tokens
    # The mask of a padded batch is converted anew, and saved, in each layer.
    layer = tokens * (_per_token(plan, model, half) + (2 if half else 4) * batch.tokens)
    saved = layer * model.n_layers
    if checkpoints(plan, model.parameters):
        stream = 2 if half and plan.method == "lora" else 4
        saved = tokens * model.n_layers * model.hidden_size * stream + layer
    return saved + 12 * tokens * model.hidden_size + tokens * batch.tokens, layer


def _weights(plan: TrainingPlan, model: BaseModel, half: bool) -> float:
    """Bytes of the weights."""
    if plan.method == "full" or not half:
        return 4.0 * model.parameters
    if not plan.load_in_4bit:
        return 2.0 * model.parameters
    linear = linear_parameters(model)
    return PACKED_BYTES * linear + 2 * (model.parameters - linear)


def _unpacked(plan: TrainingPlan, model: BaseModel, half: bool) -> float:
    """Bytes of one layer's weight that is unpacked for its product, or for DoRA's norm."""
    if plan.method == "full":
        return 0.0
    times = (3 if plan.use_dora else 0) + (1 if plan.load_in_4bit and half else 0)
    return times * (2.0 if half else 4.0) * model.hidden_size * _inner(model)


def _cast(plan: TrainingPlan, model: BaseModel, half: bool, devices: int) -> float:
    """Bytes of weights that are held a second time: for autocast, or gathered from all devices."""
    linear = linear_parameters(model)
    if devices > 1:
        layers = min(2.0, model.n_layers) * linear / model.n_layers
        return (2 if half else 4) * (layers + model.parameters - linear)
    return 2 * linear if plan.method == "full" and half else 0.0


def _per_token(plan: TrainingPlan, model: BaseModel, half: bool) -> float:
    """Bytes that autograd saves for one token in one layer."""
    width, inner, keys = model.hidden_size, _inner(model), _keys(model)
    streams = 32 if plan.method == "full" else 24
    adapters = (
        0.0 if plan.method == "full" else 28.0 * plan.lora_r + _beside(plan, model) / (2 if half else 1)
    )
    if not half:
        return streams * width + 8 * keys + 16 * inner + adapters
    return streams * width + (2 if plan.method == "full" else 4) * keys + 8 * inner + adapters


def _beside(plan: TrainingPlan, model: BaseModel) -> float:
    """What DoRA and dropout save beside a plain adapter, for one token in one layer in float32."""
    width, inner = model.hidden_size, _inner(model)
    outputs = 8 * _outputs(model) if plan.use_dora else 0
    return outputs + (8 * (6 * width + inner) - 4 * (2 * width + inner) if plan.lora_dropout else 0)


def _outputs(model: BaseModel) -> int:
    """Units that the linear layers of one block give: q and o, k and v, gate and up, down."""
    return 3 * model.hidden_size + 2 * _keys(model) + 2 * _inner(model)


def _inner(model: BaseModel) -> int:
    return model.intermediate_size or 4 * model.hidden_size


def _keys(model: BaseModel) -> int:
    return model.kv_size or model.hidden_size
