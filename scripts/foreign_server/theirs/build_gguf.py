"""Writes the tiny Qwen3-VL once more as llama.cpp wants it: run by the Python that has gguf.

``python build_gguf.py MODEL_FOLDER FOLDER`` reads what build_qwen3_vl.py wrote, and writes
``text.gguf`` (language model and tokenizer) and ``mmproj.gguf`` (what looks at pictures). Needs the
packages gguf and safetensors. The names of keys and tensors are those of the gguf package.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k": "self_attn.k_proj",
    "attn_k_norm": "self_attn.k_norm",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_PICTURE_BLOCK = {
    "ln1": "norm1",
    "ln2": "norm2",
    "attn_qkv": "attn.qkv",
    "attn_out": "attn.proj",
    "ffn_up": "mlp.linear_fc1",
    "ffn_down": "mlp.linear_fc2",
}
_NORMAL_TOKEN, _CONTROL_TOKEN = 1, 3
_Tensors = Mapping[str, Any]


def main(model: Path, folder: Path) -> None:
    """Convert the model in one folder into two files in another."""
    gguf = importlib.import_module("gguf")
    tensors = importlib.import_module("safetensors.numpy").load_file(model / "model.safetensors")
    config = _json(model / "config.json")
    folder.mkdir(parents=True, exist_ok=True)

    text = gguf.GGUFWriter(folder / "text.gguf", "qwen3vl")
    _describe_text(text, config)
    _add_tokenizer(text, model)
    _write(text, _text_tensors(tensors, config["text_config"]["num_hidden_layers"]))

    eyes = gguf.GGUFWriter(folder / "mmproj.gguf", "clip")
    _describe_eyes(eyes, config, _json(model / "processor_config.json")["image_processor"])
    _write(eyes, _picture_tensors(tensors, config["vision_config"]))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _write(writer: Any, tensors: Iterable[tuple[str, Any]]) -> None:
    for name, tensor in tensors:
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe_text(writer: Any, config: Any) -> None:
    text = config["text_config"]
    rope = text["rope_parameters"]
    writer.add_name("tiny-qwen3-vl")
    writer.add_block_count(text["num_hidden_layers"])
    writer.add_context_length(text["max_position_embeddings"])
    writer.add_embedding_length(text["hidden_size"])
    writer.add_feed_forward_length(text["intermediate_size"])
    writer.add_head_count(text["num_attention_heads"])
    writer.add_head_count_kv(text["num_key_value_heads"])
    writer.add_key_length(text["head_dim"])
    writer.add_value_length(text["head_dim"])
    writer.add_layer_norm_rms_eps(text["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_sections([*rope["mrope_section"], 0])
    writer.add_num_deepstack_layers(len(config["vision_config"]["deepstack_visual_indexes"]))


def _add_tokenizer(writer: Any, model: Path) -> None:
    """Write tokens and merges; ``qwen2`` splits text a little otherwise than our tokenizer."""
    bpe = _json(model / "tokenizer.json")
    special = {added["content"]: added["id"] for added in bpe["added_tokens"]}
    vocabulary = {**bpe["model"]["vocab"], **special}
    tokens = sorted(vocabulary, key=lambda token: vocabulary[token])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(
        [_CONTROL_TOKEN if token in special else _NORMAL_TOKEN for token in tokens]
    )
    writer.add_token_merges([" ".join(pair) for pair in bpe["model"]["merges"]])
    writer.add_eos_token_id(special["<|im_end|>"])
    writer.add_pad_token_id(special["<|endoftext|>"])
    writer.add_add_bos_token(False)  # noqa: FBT003 - the package's own signature
    writer.add_chat_template((model / "chat_template.jinja").read_text(encoding="utf-8"))


def _text_tensors(tensors: _Tensors, layers: int) -> Iterable[tuple[str, Any]]:
    yield "token_embd.weight", tensors["model.language_model.embed_tokens.weight"]
    yield "output_norm.weight", tensors["model.language_model.norm.weight"]
    yield "output.weight", tensors["lm_head.weight"]
    for layer in range(layers):
        for new, old in _BLOCK.items():
            weight = tensors[f"model.language_model.layers.{layer}.{old}.weight"]
            yield f"blk.{layer}.{new}.weight", weight


def _describe_eyes(writer: Any, config: Any, processor: Any) -> None:
    vision = config["vision_config"]
    positions_a_side = round(vision["num_position_embeddings"] ** 0.5)
    writer.add_type("mmproj")
    writer.add_clip_has_vision_encoder(True)  # noqa: FBT003
    writer.add_clip_projector_type("qwen3vl_merger")
    writer.add_vision_use_gelu(True)  # noqa: FBT003
    writer.add_vision_image_size(positions_a_side * vision["patch_size"])
    writer.add_vision_patch_size(vision["patch_size"])
    writer.add_vision_spatial_merge_size(vision["spatial_merge_size"])
    writer.add_vision_embedding_length(vision["hidden_size"])
    writer.add_vision_feed_forward_length(vision["intermediate_size"])
    writer.add_vision_block_count(vision["depth"])
    writer.add_vision_head_count(vision["num_heads"])
    writer.add_vision_projection_dim(vision["out_hidden_size"])
    writer.add_vision_attention_layernorm_eps(1e-6)
    writer.add_vision_image_mean(processor["image_mean"])
    writer.add_vision_image_std(processor["image_std"])
    writer.add_vision_min_pixels(processor["size"]["shortest_edge"])
    writer.add_vision_max_pixels(processor["size"]["longest_edge"])
    deep = vision["deepstack_visual_indexes"]
    writer.add_vision_is_deepstack_layers([layer in deep for layer in range(vision["depth"])])


def _picture_tensors(tensors: _Tensors, vision: Any) -> Iterable[tuple[str, Any]]:
    patch = tensors["model.visual.patch_embed.proj.weight"]
    # A patch of two successive pictures: llama.cpp keeps a filter for each of them.
    yield "v.patch_embd.weight", patch[:, :, 0].copy()
    yield "v.patch_embd.weight.1", patch[:, :, 1].copy()
    yield "v.patch_embd.bias", tensors["model.visual.patch_embed.proj.bias"]
    yield "v.position_embd.weight", tensors["model.visual.pos_embed.weight"]
    pairs = [("v.post_ln", "merger.norm"), ("mm.0", "merger.linear_fc1")]
    pairs += [("mm.2", "merger.linear_fc2")]
    for layer in range(vision["depth"]):
        for new, old in _PICTURE_BLOCK.items():
            pairs.append((f"v.blk.{layer}.{new}", f"blocks.{layer}.{old}"))
    for number, layer in enumerate(vision["deepstack_visual_indexes"]):
        merger = f"deepstack_merger_list.{number}"
        pairs.append((f"v.deepstack.{layer}.norm", f"{merger}.norm"))
        pairs.append((f"v.deepstack.{layer}.fc1", f"{merger}.linear_fc1"))
        pairs.append((f"v.deepstack.{layer}.fc2", f"{merger}.linear_fc2"))
    for new, old in pairs:
        for kind in ("weight", "bias"):
            yield f"{new}.{kind}", tensors[f"model.visual.{old}.{kind}"]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
