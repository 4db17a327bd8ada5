"""Writes a tiny Qwen3-VL with random weights: run by the Python that has torch and transformers.

``python build_qwen3_vl.py FOLDER TEXT...``; the TEXT files train the tokenizer. Everything is as in
a model from a hub: weights, tokenizer, chat template, processors. The picture processors have the
sizes of the released Qwen3-VL models, so that pictures are counted as there.

Random weights alone would write strings without an end. So three channels of every token's
embedding are out of the layers' reach, and the output matrix turns them into a bias of each next
token: one is a constant (quotes end strings, brackets end lists, words are likelier than noise),
two say that a quote or a bracket came just before (no empty string, no empty list). The rest is
random.
"""

from __future__ import annotations

import importlib
import string
import sys
from pathlib import Path
from typing import Any

VOCABULARY = 3000
HIDDEN, LAYERS, HEADS, HEAD_SIZE = 64, 2, 2, 32
CONSTANT = OPENED = 8.0
NOISE = 0.15
LONGEST_CONTEXT = 65_536

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (PAD, START, END, "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")

# Natural logarithms: how much likelier a token is than a word; all others are ruled out.
BIAS = {'"': 7.5, "{": -3.0, "}": -3.0, "[": -3.0, "]": -4.0, ",": -4.0, ":": -3.0}
BIAS |= {"t": -2.0, "f": -2.0}  # of true and false, where no token has the whole word
DIGIT_BIAS, END_BIAS, RULED_OUT = -6.5, 3.0, -30.0
NEVER_AFTER = {'"': '"', "[": "]"}

CHAT_TEMPLATE = (
    "{%- for message in messages -%}<|im_start|>{{ message.role }}{{ '\\n' }}"
    "{%- if message.content is string -%}{{ message.content }}"
    "{%- else -%}{%- for part in message.content -%}"
    "{%- if part.type in ('image', 'image_url') -%}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif part.type in ('video', 'video_url') -%}<|vision_start|><|video_pad|><|vision_end|>"
    "{%- elif 'text' in part -%}{{ part.text }}{%- endif -%}{%- endfor -%}{%- endif -%}"
    "<|im_end|>{{ '\\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|im_start|>assistant{{ '\\n' }}{%- endif -%}"
)


def main(folder: Path, texts: list[str]) -> None:
    """Build and save everything below ``folder``."""
    # Neither package is a dependency of ours; typed imports would need them in every checkout.
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    torch.manual_seed(0)
    tokenizer = _tokenizer(transformers, texts)
    model = _model(transformers, tokenizer)
    _bias(torch, model, tokenizer)
    model.generation_config.update(do_sample=True, temperature=1.0, top_k=0)
    model.save_pretrained(folder)
    _processor(transformers, tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    print(
        f"{sum(weight.numel() for weight in model.parameters()):,} weights, {len(tokenizer)} tokens"
    )


def _tokenizer(transformers: Any, texts: list[str]) -> Any:
    """Train a byte-level BPE in which no token holds punctuation together with anything else."""
    parts = importlib.import_module("tokenizers")
    before = parts.pre_tokenizers
    bpe = parts.Tokenizer(parts.models.BPE())
    bpe.pre_tokenizer = before.Sequence([
        before.Punctuation("isolated"),
        before.Digits(individual_digits=True),
        before.ByteLevel(add_prefix_space=False),
    ])  # fmt: skip
    bpe.decoder = parts.decoders.ByteLevel()
    trainer = parts.trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(before.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        extra_special_tokens=list(SPECIAL[3:]),
        model_max_length=LONGEST_CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _model(transformers: Any, tokenizer: Any) -> Any:
    ids = dict(zip(SPECIAL, tokenizer.convert_tokens_to_ids(list(SPECIAL)), strict=True))
    config = transformers.Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": HIDDEN,
            "intermediate_size": 2 * HIDDEN,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": HEADS,
            "head_dim": HEAD_SIZE,
            "max_position_embeddings": LONGEST_CONTEXT,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10_000.0,
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
            "eos_token_id": ids[END],
            "pad_token_id": ids[PAD],
        },
        vision_config={
            "depth": 2,
            "hidden_size": HIDDEN,
            "intermediate_size": 2 * HIDDEN,
            "num_heads": HEADS,
            "out_hidden_size": HIDDEN,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        eos_token_id=ids[END],
    )
    return transformers.Qwen3VLForConditionalGeneration(config)


def _bias(torch: Any, model: Any, tokenizer: Any) -> None:
    """Give every token its bias through the channels that the layers leave alone."""
    with torch.no_grad():
        embeddings = model.get_input_embeddings().weight
        embeddings.normal_(0.0, 1.0)
        ours = 1 + len(NEVER_AFTER)
        embeddings[:, :ours] = 0.0
        embeddings[:, 0] = CONSTANT
        for layer in model.model.language_model.layers:
            layer.self_attn.o_proj.weight[:ours] = 0.0
            layer.mlp.down_proj.weight[:ours] = 0.0
        # What the last norm makes of the constant, the other channels being about 1.
        seen = CONSTANT / ((CONSTANT**2 + HIDDEN - ours) / HIDDEN) ** 0.5
        output = model.get_output_embeddings().weight
        output.normal_(0.0, NOISE)
        output[:, 1:ours] = 0.0
        for token, number in tokenizer.get_vocab().items():
            text = tokenizer.convert_tokens_to_string([token])
            output[number, 0] = _bias_of(text, token) / seen
        for channel, (before, never) in enumerate(NEVER_AFTER.items(), start=1):
            embeddings[tokenizer.convert_tokens_to_ids(before), channel] = OPENED
            output[tokenizer.convert_tokens_to_ids(never), channel] = RULED_OUT / seen


def _bias_of(text: str, token: str) -> float:
    if token == END:
        return END_BIAS
    if token in SPECIAL:
        return RULED_OUT
    if text in BIAS:
        return BIAS[text]
    if text in string.digits:
        return DIGIT_BIAS
    word = text.removeprefix(" ")
    return 0.0 if len(word) > 2 and word.isascii() and word.isalpha() else RULED_OUT


def _processor(transformers: Any, tokenizer: Any) -> Any:
    """Return the processors with the sizes that the released models have."""
    normal = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    patches = {"patch_size": 16, "temporal_patch_size": 2, "merge_size": 2}
    return transformers.Qwen3VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(
            size={"shortest_edge": 65_536, "longest_edge": 16_777_216}, **patches, **normal
        ),
        video_processor=transformers.Qwen3VLVideoProcessor(
            size={"shortest_edge": 4096, "longest_edge": 25_165_824}, **patches, **normal
        ),
        tokenizer=tokenizer,
        chat_template=CHAT_TEMPLATE,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name).read_text(encoding="utf-8") for name in sys.argv[2:]])
