"""Language models."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from . import Made, Select, architecture


def tokens(N: int = 3, length: int = 6, vocabulary: int = 20) -> torch.Tensor:
    return torch.randint(3, vocabulary, (N, length))


def _logits(model: nn.Module) -> nn.Module:
    return Select(model, lambda f: f.logits)


def _next_token(model: nn.Module) -> nn.Module:
    """The first three logits of the token that follows."""
    return Select(model, lambda f: f.logits[:, -1, :3])


SMALL: dict[str, Any] = {
    "vocab_size": 20,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


@architecture("transformers")
def gpt2() -> Made:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=20, n_positions=16, n_embd=32, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2, use_cache=False
    )
    return _next_token(GPT2LMHeadModel(config)), tokens()


@architecture("transformers")
def bert() -> Made:
    from transformers import BertConfig, BertForSequenceClassification

    return _logits(BertForSequenceClassification(BertConfig(**SMALL, num_labels=3))), tokens()


@architecture("transformers")
def roberta() -> Made:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    return _logits(RobertaForSequenceClassification(RobertaConfig(**SMALL, num_labels=3))), tokens()


@architecture("transformers")
def distilbert() -> Made:
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    config = DistilBertConfig(vocab_size=20, dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=16)
    return _logits(DistilBertForSequenceClassification(config)), tokens()


@architecture("transformers")
def electra() -> Made:
    from transformers import ElectraConfig, ElectraForSequenceClassification

    config = ElectraConfig(**SMALL, embedding_size=8, num_labels=3)
    return _logits(ElectraForSequenceClassification(config)), tokens()


@architecture("transformers")
def llama() -> Made:
    from transformers import LlamaConfig, LlamaForCausalLM

    return _next_token(LlamaForCausalLM(LlamaConfig(**SMALL, use_cache=False))), tokens()


@architecture("transformers")
def qwen2() -> Made:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return _next_token(Qwen2ForCausalLM(Qwen2Config(**SMALL, num_key_value_heads=1, use_cache=False))), tokens()


@architecture("transformers")
def gemma() -> Made:
    from transformers import GemmaConfig, GemmaForCausalLM

    config = GemmaConfig(**SMALL, num_key_value_heads=1, head_dim=8, use_cache=False)
    return _next_token(GemmaForCausalLM(config)), tokens()


@architecture("transformers")
def opt() -> Made:
    from transformers import OPTConfig, OPTForCausalLM

    config = OPTConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=2,
        ffn_dim=32,
        num_attention_heads=2,
        max_position_embeddings=16,
        word_embed_proj_dim=16,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        use_cache=False,
    )
    return _next_token(OPTForCausalLM(config)), tokens()


@architecture("transformers")
def bloom() -> Made:
    from transformers import BloomConfig, BloomForCausalLM

    config = BloomConfig(
        vocab_size=20, hidden_size=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2, use_cache=False
    )
    return _next_token(BloomForCausalLM(config)), tokens()


@architecture("transformers")
def gpt_neox() -> Made:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    return _next_token(GPTNeoXForCausalLM(GPTNeoXConfig(**SMALL, use_cache=False))), tokens()


@architecture("transformers")
def t5_encoder() -> Made:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(vocab_size=20, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    return Select(T5EncoderModel(config), lambda f: f.last_hidden_state[:, 0, :3]), tokens()


@architecture("transformers")
def mamba_transformers() -> Made:
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(
        vocab_size=20,
        hidden_size=8,
        state_size=4,
        num_hidden_layers=1,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        use_cache=False,
    )
    return _next_token(MambaForCausalLM(config)), tokens(length=4)


@architecture("transformers")
def wav2vec2() -> Made:
    from transformers import Wav2Vec2Config, Wav2Vec2ForSequenceClassification

    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8),
        conv_stride=(4, 2),
        conv_kernel=(8, 3),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        num_labels=2,
    )
    return _logits(Wav2Vec2ForSequenceClassification(config)), torch.randn(2, 160)


@architecture("transformers")
def patch_tst() -> Made:
    from transformers import PatchTSTConfig, PatchTSTForRegression

    config = PatchTSTConfig(
        num_input_channels=2,
        context_length=16,
        patch_length=4,
        patch_stride=4,
        num_hidden_layers=1,
        d_model=8,
        num_attention_heads=2,
        ffn_dim=16,
        num_targets=2,
    )
    return Select(PatchTSTForRegression(config), lambda f: f.regression_outputs), torch.randn(2, 16, 2)


@architecture("transformers")
def clip_text() -> Made:
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(**SMALL, projection_dim=3)
    return Select(CLIPTextModelWithProjection(config), lambda f: f.text_embeds), tokens()


@architecture("x-transformers")
def x_transformer() -> Made:
    from x_transformers import Encoder, TransformerWrapper

    model = TransformerWrapper(
        num_tokens=20,
        max_seq_len=8,
        num_memory_tokens=1,
        logits_dim=3,
        attn_layers=Encoder(dim=16, depth=2, heads=2, attn_dim_head=8),
    )
    return Select(model, lambda f: f[:, 0]), tokens()


@architecture("x-transformers")
def x_transformer_rotary() -> Made:
    from x_transformers import Decoder, TransformerWrapper

    layers = Decoder(
        dim=16, depth=2, heads=2, attn_dim_head=8, rotary_pos_emb=True, use_rmsnorm=True, ff_glu=True, attn_qk_norm=True
    )
    model = TransformerWrapper(num_tokens=20, max_seq_len=8, logits_dim=3, attn_layers=layers)
    return Select(model, lambda f: f[:, -1]), tokens()
