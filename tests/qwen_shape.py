"""The config of Qwen2.5-7B-Instruct, as far as it decides memory and lengths."""

from __future__ import annotations

QWEN_7B = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "num_hidden_layers": 28,
    "num_attention_heads": 28, "num_key_value_heads": 4, "hidden_size": 3584,
    "intermediate_size": 18944, "vocab_size": 152064, "max_position_embeddings": 32768,
    "rope_theta": 1000000.0, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
