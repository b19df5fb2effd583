"""Which models does everybody know: the built-in rows and the AIR ids that lead to them.

Addresses and md5 sums are those of rembg's release v0.0.0 (as rembg 2.0.86 checks them); sha256
sums and lengths are those of the publishers' Git LFS pointers on Hugging Face. Memory is estimated:
weights plus activations of one picture on a CPU.
"""

from __future__ import annotations

from msgspec.structs import replace

from inference.models.row import IMAGENET_DEVIATION, IMAGENET_MEAN, Row

_REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"
_HUB = "https://huggingface.co/"
_MIB = 2**20
_ONES = (1.0, 1.0, 1.0)
_HALF = (0.5, 0.5, 0.5)

# Upstream U²-Net: divided by the picture's own maximum, the prediction stretched to 0…1.
_U2NET = Row(
    name="u2net",
    task="segment",
    file="u2net.onnx",
    url=_REMBG + "u2net.onnx",
    md5="60024c5c889badc19c04ad937298a77b",
    licence="Apache-2.0",
    size=(320, 320),
    scaling="maximum",
    mean=IMAGENET_MEAN,
    deviation=IMAGENET_DEVIATION,
    resize="lanczos",
    activation="min-max",
    memory_bytes=600 * _MIB,
)
_ISNET = replace(
    _U2NET,
    name="isnet-general-use",
    file="isnet-general-use.onnx",
    url=_REMBG + "isnet-general-use.onnx",
    md5="fc16ebd8b0c10d971d3513d564d01e29",
    size=(1024, 1024),
    mean=_HALF,
    deviation=_ONES,
    memory_bytes=1800 * _MIB,
)
# BiRefNet's exports return logits and carry a batch of 1 in their graph.
_BIREFNET = replace(
    _U2NET,
    name="birefnet-general",
    file="birefnet-general.onnx",
    url=_REMBG + "BiRefNet-general-epoch_244.onnx",
    md5="7a35a0141cbbc80de11d9c9a28f52697",
    licence="MIT",
    size=(1024, 1024),
    activation="sigmoid",
    is_fixed_batch=True,
    memory_bytes=6000 * _MIB,
)


def _birefnet(name: str, upstream: str, md5: str) -> Row:
    return replace(_BIREFNET, name=name, file=f"{name}.onnx", url=f"{_REMBG}{upstream}", md5=md5)


PUBLIC_ROWS: tuple[Row, ...] = (
    Row(
        name="embedded",
        task="segment",
        file="embedded.onnx",
        licence="Apache-2.0",
        is_packaged=True,
        layout="NHWC",
        dtype="uint8",
        scaling="none",
        memory_bytes=200 * _MIB,
    ),
    replace(
        _U2NET,
        name="u2netp",
        file="u2netp.onnx",
        url=_REMBG + "u2netp.onnx",
        md5="8e83ca70e441ab06c318d82300c84806",
        memory_bytes=300 * _MIB,
    ),
    _U2NET,
    replace(
        _U2NET,
        name="u2net_human_seg",
        file="u2net_human_seg.onnx",
        url=_REMBG + "u2net_human_seg.onnx",
        md5="c09ddc2e0104f800e3e1bb4652583d1f",
    ),
    replace(
        _U2NET,
        name="silueta",
        file="silueta.onnx",
        url=_REMBG + "silueta.onnx",
        md5="55e59e0d8062d2f5d013f4725ee84782",
        memory_bytes=400 * _MIB,
    ),
    _ISNET,
    replace(
        _ISNET,
        name="isnet-anime",
        file="isnet-anime.onnx",
        url=_REMBG + "isnet-anime.onnx",
        md5="6f184e756bb3bd901c8849220a83e38e",
        mean=IMAGENET_MEAN,
    ),
    _BIREFNET,
    replace(
        _birefnet(
            "birefnet-general-lite",
            "BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
            "4fab47adc4ff364be1713e97b7e66334",
        ),
        memory_bytes=4000 * _MIB,
    ),
    _birefnet(
        "birefnet-portrait",
        "BiRefNet-portrait-epoch_150.onnx",
        "c3a64a6abf20250d090cd055f12a3b67",
    ),
    _birefnet("birefnet-dis", "BiRefNet-DIS-epoch_590.onnx", "2d4d44102b446f33a4ebb2e56c051f2b"),
    _birefnet(
        "birefnet-hrsod",
        "BiRefNet-HRSOD_DHU-epoch_115.onnx",
        "c017ade5de8a50ff0fd74d790d268dda",
    ),
    _birefnet("birefnet-cod", "BiRefNet-COD-epoch_125.onnx", "f6d0d21ca89d287f17e7afe9f5fd3b45"),
    _birefnet(
        "birefnet-massive",
        "BiRefNet-massive-TR_DIS5K_TR_TEs-epoch_420.onnx",
        "33e726a2136a3d59eb0fdf613e31e3e9",
    ),
    # Its graph ends in a sigmoid, unlike the other BiRefNets.
    replace(
        _BIREFNET,
        name="rmbg-2.0",
        file="bria-rmbg-2.0.onnx",
        url=_REMBG + "bria-rmbg-2.0.onnx",
        md5="",
        sha256="5b486f08200f513f460da46dd701db5fbb47d79b4be4b708a19444bcd4e79958",
        file_bytes=1_024_331_469,
        licence="bria-rmbg-2.0 (CC BY-NC 4.0)",
        is_commercial=False,
        activation="none",
    ),
    replace(
        _ISNET,
        name="rmbg-1.4",
        file="bria-rmbg-1.4.onnx",
        url=_HUB + "briaai/RMBG-1.4/resolve/main/onnx/model.onnx",
        md5="",
        sha256="8cafcf770b06757c4eaced21b1a88e57fd2b66de01b8045f35f01535ba742e0f",
        file_bytes=176_153_355,
        licence="bria-rmbg-1.4 (non-commercial)",
        is_commercial=False,
        scaling="255",
        resize="bilinear",
    ),
    Row(
        name="selfie",
        task="segment",
        file="selfie_segmentation.onnx",
        sha256="1511ab5564cb0ae179cba9bcad6ad931003ccc71656f11fd270967023678c6a5",
        file_bytes=447_596,
        licence="Apache-2.0",
        layout="NHWC",
        size=(256, 256),
        is_fixed_batch=True,
        memory_bytes=60 * _MIB,
    ),
    Row(
        name="lama",
        task="inpaint",
        file="lama_fp32.onnx",
        url=_HUB
        + "Carve/LaMa-ONNX/resolve/a3ee2fca54baebec351b8fa7786154ffa7555aa6/lama_fp32.onnx",
        sha256="1faef5301d78db7dda502fe59966957ec4b79dd64e16f03ed96913c7a4eb68d6",
        file_bytes=208_044_816,
        licence="Apache-2.0",
        size=(512, 512),
        output_maximum=255.0,
        is_fixed_batch=True,
        memory_bytes=1000 * _MIB,
    ),
    Row(
        name="migan",
        task="inpaint",
        file="migan_pipeline_v2.onnx",
        url=_HUB
        + "andraniksargsyan/migan/resolve/406830d0fa60666da0071c342ad2fbc8f30c5c64/"
        + "migan_pipeline_v2.onnx",
        sha256="6f1f3530a1a2324b19752018ce756088b07973cda8d7d890034ace5c8a48c40b",
        file_bytes=28_079_181,
        licence="MIT (trained on Places2)",
        dtype="uint8",
        size=(512, 512),
        scaling="none",
        hole="black",
        output_maximum=255.0,
        is_fixed_batch=True,
        memory_bytes=400 * _MIB,
    ),
    Row(
        name="nsfwjs",
        task="classify",
        file="nsfwjs_mobilenet_v2.onnx",
        sha256="186874fcab89daff35e84e8180349371caa7e3ccd2323ef6cdbeedb723ca3d80",
        licence="MIT",
        layout="NHWC",
        size=(224, 224),
        resize="bilinear",
        labels=("Drawing", "Hentai", "Neutral", "Porn", "Sexy"),
        memory_bytes=80 * _MIB,
    ),
)

DEFAULT_NAME = "default"

# An AIR id leads to the model it names, or to one that does at least as much; an id without such a
# row (matting, 112@9; ideogram) has no entry: nobody pays for less than was asked for. 109@1 is
# what the SDKs send when nobody chose, so it means this service's own default.
PUBLIC_ALIASES: dict[str, str] = {
    "runware:109@1": DEFAULT_NAME,
    "runware:110@1": "rmbg-2.0",
    "bria:2@1": "rmbg-2.0",
    "runware:112@1": "birefnet-general",
    "runware:112@2": "birefnet-cod",
    "runware:112@3": "birefnet-dis",
    "runware:112@5": "birefnet-general",
    "runware:112@6": "birefnet-general",
    "runware:112@7": "birefnet-hrsod",
    "runware:112@8": "birefnet-massive",
    "runware:112@10": "birefnet-portrait",
    "isnet-general": "isnet-general-use",
    "birefnet-lite": "birefnet-general-lite",
    "bria-rmbg": "rmbg-2.0",
    "bria-rmbg-2.0": "rmbg-2.0",
}
