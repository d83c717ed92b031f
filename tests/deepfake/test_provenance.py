"""What files say of themselves: signed, tagged, labelled, stripped, broken and hostile ones."""

from __future__ import annotations

import io
import json
import struct
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.deepfake.forgeries.watermark import mark
from components.deepfake.provenance import read_provenance
from components.deepfake.provenance.generators import generator_of
from components.deepfake.sample import Provenance
from tests.deepfake.declared_files import (
    IPTC,
    Signer,
    created,
    encoded,
    make_signer,
    manifest,
    pixels,
    png_with,
    signed,
    stripped,
    xmp_packet,
)

A1111 = "a red fox\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
COMFY = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})


@pytest.fixture(scope="module")
def signer() -> Signer:
    return make_signer()


@pytest.fixture(scope="module")
def synthetic(signer: Signer) -> bytes:
    action = created("trainedAlgorithmicMedia", softwareAgent={"name": "Example Painter"})
    return signed(encoded(), manifest(action), signer)


class TestC2pa:
    def test_a_trusted_signer_who_declares_synthesis(self, synthetic: bytes, signer: Signer) -> None:
        found = read_provenance(synthetic, trust_anchors=signer.root)
        assert (found.verdict, found.standard, found.trusted) == ("synthetic", "c2pa", True)
        assert found.tool == "Example Painter"
        assert found.detail is not None and "trainedAlgorithmicMedia" in found.detail

    def test_a_signer_on_no_list_is_not_trusted_but_believed(self, synthetic: bytes) -> None:
        found = read_provenance(synthetic)
        assert (found.verdict, found.trusted) == ("synthetic", False)
        assert "on no list" in str(found.detail)

    def test_another_root_does_not_vouch(self, synthetic: bytes) -> None:
        assert read_provenance(synthetic, trust_anchors=make_signer().root).trusted is False

    def test_a_trusted_camera(self, signer: Signer) -> None:
        data = signed(encoded(), manifest(created("digitalCapture")), signer)
        found = read_provenance(data, trust_anchors=signer.root)
        assert (found.verdict, found.trusted, found.tool) == ("captured", True, "Example Camera")

    def test_pixels_changed_after_signing_break_the_signature(self, signer: Signer) -> None:
        data = bytearray(signed(encoded(), manifest(created("digitalCapture")), signer))
        data[-60] ^= 0x55
        found = read_provenance(bytes(data), trust_anchors=signer.root)
        assert (found.verdict, found.trusted) == ("none", False)
        assert "does not hold" in str(found.detail) and "dataHash" in str(found.detail)

    def test_a_capture_that_was_edited(self, signer: Signer) -> None:
        definition = manifest(created("digitalCapture"), {"action": "c2pa.filtered"})
        found = read_provenance(signed(encoded(), definition, signer), trust_anchors=signer.root)
        assert found.verdict == "edited" and "c2pa.filtered" in str(found.detail)

    @pytest.mark.parametrize("action", ["c2pa.transcoded", "c2pa.resized.proportional"])
    def test_a_capture_that_was_only_converted(self, action: str, signer: Signer) -> None:
        definition = manifest(created("digitalCapture"), {"action": action})
        found = read_provenance(signed(encoded(), definition, signer), trust_anchors=signer.root)
        assert found.verdict == "captured"

    @pytest.mark.parametrize("relationship", ["parentOf", "componentOf"])
    def test_what_it_was_made_from_counts(self, relationship: str, synthetic: bytes, signer: Signer) -> None:
        took = {"parameters": {"ingredientIds": ["from"]}}
        opened = {"action": "c2pa.opened", **took}
        placed = {"action": "c2pa.placed", **took}
        actions = [opened] if relationship == "parentOf" else [created("digitalCapture"), placed]
        data = signed(encoded(pixels(1)), manifest(*actions), signer, parent=(synthetic, relationship))
        found = read_provenance(data, trust_anchors=signer.root)
        assert (found.verdict, found.tool) == ("synthetic", "Example Painter")

    def test_an_input_of_a_model_does_not_count(self, synthetic: bytes, signer: Signer) -> None:
        data = signed(
            encoded(pixels(1)), manifest(created("digitalCapture")), signer, parent=(synthetic, "inputTo")
        )
        assert read_provenance(data, trust_anchors=signer.root).verdict == "captured"

    @pytest.mark.parametrize(("kind", "mime"), [("PNG", "image/png"), ("WEBP", "image/webp")])
    def test_other_formats(self, kind: str, mime: str, signer: Signer) -> None:
        data = signed(
            encoded(kind=kind), manifest(created("compositeWithTrainedAlgorithmicMedia")), signer, mime=mime
        )
        found = read_provenance(data, trust_anchors=signer.root)
        assert (found.verdict, found.trusted) == ("synthetic", True)

    def test_a_broken_manifest_is_present_and_not_verified(self, synthetic: bytes) -> None:
        at = synthetic.index(b"c2pa.signature")
        broken = synthetic[: at + 40] + encoded()[2:]
        found = read_provenance(broken)
        assert (found.verdict, found.standard) == ("synthetic", "c2pa")
        assert found.trusted is not True

    def test_a_library_that_is_not_there(self, synthetic: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
        found = read_provenance(synthetic)
        assert (found.verdict, found.standard, found.trusted) == ("synthetic", "c2pa", None)
        assert "C2PA data present, not verified (c2pa-python is not installed)" in str(found.detail)

    def test_a_stripped_copy_declares_nothing(self, synthetic: bytes) -> None:
        assert read_provenance(stripped(synthetic, "JPEG")) == Provenance()

    def test_nothing_is_fetched(self, signer: Signer) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/manifest.c2pa"
            definition = manifest(created("trainedAlgorithmicMedia"))
            for embed in (True, False):
                read_provenance(signed(encoded(), definition, signer, remote=address, embed=embed))
        finally:
            server.shutdown()
            server.server_close()
        assert asked == []


class TestXmp:
    @pytest.mark.parametrize(
        "properties",
        [
            f' Iptc4xmpExt:DigitalSourceType="{IPTC}trainedAlgorithmicMedia"',
            f"<Iptc4xmpExt:DigitalSourceType>{IPTC}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
            f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{IPTC}trainedAlgorithmicMedia"/>',
        ],
    )
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_iptc_in_every_spelling_and_format(self, properties: str, kind: str) -> None:
        packet = xmp_packet(properties)
        if kind == "PNG":
            data = png_with({"XML:com.adobe.xmp": packet.decode()})
        elif kind == "TIFF":
            data = encoded(kind="TIFF", tiffinfo={700: packet})
        else:
            data = encoded(kind=kind, xmp=packet)
        found = read_provenance(data)
        assert (found.verdict, found.standard, found.trusted) == ("synthetic", "iptc", None)

    @pytest.mark.parametrize(
        ("term", "verdict"),
        [
            ("compositeSynthetic", "synthetic"),
            ("humanEdits", "edited"),
            ("algorithmicallyEnhanced", "edited"),
            ("digitalCapture", "captured"),
            ("screenCapture", "none"),
            ("noSuchTerm", "none"),
        ],
    )
    def test_every_kind_of_source(self, term: str, verdict: str) -> None:
        data = encoded(xmp=xmp_packet(f' Iptc4xmpExt:DigitalSourceType="{IPTC}{term}"'))
        assert read_provenance(data).verdict == verdict

    @pytest.mark.parametrize(
        ("properties", "tool"),
        [
            (' xmp:CreatorTool="Draw Things 1.2"', "Draw Things"),
            ("<photoshop:Credit>Made with Google AI</photoshop:Credit>", "Google AI"),
        ],
    )
    def test_names_of_generators(self, properties: str, tool: str) -> None:
        found = read_provenance(encoded(xmp=xmp_packet(properties)))
        assert (found.verdict, found.standard, found.tool) == ("synthetic", "xmp", tool)

    def test_a_picture_editor_declares_nothing(self) -> None:
        data = encoded(xmp=xmp_packet(' xmp:CreatorTool="Adobe Photoshop 26.0 (Windows)"'))
        assert read_provenance(data) == Provenance()

    def test_a_description_about_a_generator_is_no_declaration(self) -> None:
        text = (
            "<dc:description><rdf:Alt><rdf:li>The founder of Midjourney</rdf:li></rdf:Alt></dc:description>"
        )
        assert read_provenance(encoded(xmp=xmp_packet(text))) == Provenance()

    @pytest.mark.parametrize(("label", "verdict"), [("1", "synthetic"), ("2", "none"), ("3", "none")])
    def test_the_aigc_label(self, label: str, verdict: str) -> None:
        value = json.dumps({"Label": label, "ContentProducer": "00119X"}).replace('"', "&quot;")
        found = read_provenance(encoded(xmp=xmp_packet(f"<TC260:AIGC>{value}</TC260:AIGC>")))
        assert found.verdict == verdict

    def test_entities_are_not_expanded(self) -> None:
        bomb = b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + b"".join(
            f"<!ENTITY a{n} '{f'&a{n - 1 if n else str()};' * 10}'>".encode() for n in range(12)
        )
        packet = bomb + b"]>" + xmp_packet(' xmp:CreatorTool="&a11;"')
        start = time.perf_counter()
        read_provenance(png_with({"XML:com.adobe.xmp": packet.decode()}))
        assert time.perf_counter() - start < 2


class TestText:
    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize(
        ("texts", "tool"),
        [
            ({"parameters": A1111}, "Stable Diffusion web UI"),
            ({"prompt": COMFY}, "ComfyUI"),
            ({"workflow": json.dumps({"last_node_id": 9, "nodes": []})}, "ComfyUI"),
            ({"invokeai_metadata": json.dumps({"positive_prompt": "a fox"})}, "InvokeAI"),
            ({"Software": "NovelAI"}, "NovelAI"),
            ({"Comment": json.dumps({"uc": "blur", "steps": 28, "sampler": "k_euler"})}, "NovelAI"),
            ({"parameters": json.dumps({"sui_image_params": {"prompt": "a fox"}})}, "SwarmUI"),
            ({"Description": "a fox --v 6 Job ID: 0a1b2c3d-0000-4000-8000-000000000000"}, "Midjourney"),
        ],
    )
    def test_settings_in_text_chunks(self, texts: dict[str, str], tool: str, packed: bool) -> None:
        found = read_provenance(png_with(texts, packed=packed))
        assert (found.verdict, found.standard, found.tool) == ("synthetic", "png_text", tool)

    @pytest.mark.parametrize(
        "texts",
        [
            {"Software": "Matplotlib version3.10, https://matplotlib.org/"},
            {"parameters": "width=10"},
            {"prompt": "What do you see?"},
            {"Comment": "Created with GIMP"},
            {"Title": "Sora", "Author": "Sora Yamada"},
        ],
    )
    def test_ordinary_text_chunks(self, texts: dict[str, str]) -> None:
        assert read_provenance(png_with(texts)) == Provenance()

    def test_a_stripped_copy_declares_nothing(self) -> None:
        assert read_provenance(stripped(png_with({"parameters": A1111}))) == Provenance()

    def test_a_chunk_that_unpacks_to_a_gigabyte(self) -> None:
        chunk = b"parameters\0\0" + zlib.compress(bytes(200 << 20), 9)
        body = struct.pack(">I", len(chunk)) + b"zTXt" + chunk + bytes(4)
        data = encoded(kind="PNG")
        start = time.perf_counter()
        assert read_provenance(data[:33] + body + data[33:]) == Provenance()
        assert time.perf_counter() - start < 2

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_our_own_mark_on_pictures(self, kind: str) -> None:
        found = read_provenance(mark(encoded(kind=kind), "self_blend", "a" * 64))
        assert (found.verdict, found.standard, found.tool) == ("synthetic", "watermark", "kalemint")


class TestExif:
    @staticmethod
    def _jpeg(tags: dict[int, Any], inner: dict[int, Any] | None = None, kind: str = "JPEG") -> bytes:
        exif = Image.Exif()
        for tag, value in tags.items():
            exif[tag] = value
        exif.get_ifd(0x8769).update(inner or {})
        return encoded(kind=kind, exif=exif)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_a_generator_as_software(self, kind: str) -> None:
        found = read_provenance(self._jpeg({0x0131: "Midjourney v7"}, kind=kind))
        assert (found.verdict, found.standard, found.tool) == ("synthetic", "exif", "Midjourney")

    @pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
    def test_settings_in_the_user_comment(self, encoding: str) -> None:
        found = read_provenance(self._jpeg({}, {0x9286: b"UNICODE\0" + A1111.encode(encoding)}))
        assert (found.verdict, found.tool) == ("synthetic", "Stable Diffusion web UI")

    def test_a_workflow_in_the_model(self) -> None:
        found = read_provenance(self._jpeg({0x0110: f"prompt:{COMFY}"}, kind="WEBP"))
        assert (found.verdict, found.tool) == ("synthetic", "ComfyUI")

    def test_a_camera_is_a_weak_sign(self) -> None:
        tags = {0x010F: "Canon", 0x0110: "Canon EOS R5"}
        found = read_provenance(self._jpeg(tags, {0x9003: "2025:01:02 03:04:05"}))
        assert (found.verdict, found.standard, found.trusted) == ("captured", "exif", None)
        assert found.tool == "Canon Canon EOS R5" and "nothing signs it" in str(found.detail)

    def test_synthesis_beats_a_camera(self) -> None:
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "Canon", "Canon EOS R5"
        exif.get_ifd(0x8769)[0x9003] = "2025:01:02 03:04:05"
        packet = xmp_packet(f' Iptc4xmpExt:DigitalSourceType="{IPTC}trainedAlgorithmicMedia"')
        found = read_provenance(encoded(exif=exif, xmp=packet))
        assert found.verdict == "synthetic"
        assert "Canon" in str(found.detail)  # the contradiction is told


def _box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), kind) + body


class TestVideo:
    FTYP = _box(b"ftyp", b"isom", bytes(4), b"isommp42")

    def test_the_aigc_label_that_ffmpeg_writes(self) -> None:
        av = pytest.importorskip("av", reason="needs PyAV")
        out = io.BytesIO()
        value = json.dumps({"Label": "1", "ContentProducer": "00119X"})
        with av.open(out, "w", "mp4", options={"movflags": "use_metadata_tags"}) as container:
            container.metadata["AIGC"] = value
            stream = container.add_stream("mpeg4", rate=5)
            stream.width = stream.height = 64
            for number in range(3):
                frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 40 * number, np.uint8), "rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        found = read_provenance(out.getvalue())
        assert (found.verdict, found.standard, found.tool) == ("synthetic", "container", "00119X")

    @pytest.mark.parametrize(
        "tags",
        [
            _box(b"udta", _box(b"\xa9swr", struct.pack(">HH", 9, 0), b"runwayml ")),
            _box(
                b"udta",
                _box(
                    b"meta",
                    bytes(4),
                    _box(b"hdlr", bytes(25)),
                    _box(
                        b"ilst", _box(b"\xa9too", _box(b"data", bytes([0, 0, 0, 1]), bytes(4), b"runwayml"))
                    ),
                ),
            ),
        ],
    )
    def test_tags_of_both_kinds(self, tags: bytes) -> None:
        found = read_provenance(self.FTYP + _box(b"mdat", bytes(99)) + _box(b"moov", tags))
        assert (found.verdict, found.standard, found.tool) == ("synthetic", "container", "Runway")

    def test_xmp_in_a_uuid_box(self) -> None:
        packet = xmp_packet(f' Iptc4xmpExt:DigitalSourceType="{IPTC}trainedAlgorithmicMedia"')
        box = _box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), packet)
        assert read_provenance(self.FTYP + box).standard == "iptc"

    def test_an_encoder_of_the_trade_declares_nothing(self) -> None:
        tag = _box(b"\xa9too", struct.pack(">HH", 12, 0), b"Lavf61.1.100")
        assert read_provenance(self.FTYP + _box(b"moov", _box(b"udta", tag))) == Provenance()

    def test_boxes_that_nest_without_end(self) -> None:
        data = self.FTYP
        for _ in range(5000):
            data += struct.pack(">I4s", 0, b"moov")
        start = time.perf_counter()
        assert read_provenance(data) == Provenance()
        assert time.perf_counter() - start < 2


class TestHostile:
    HEADS = (
        b"",
        b"\xff\xd8\xff\xe1",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"II*\0",
        b"\0\0\0\x10ftypisom",
    )
    MARKS = (
        b"jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71",
        b"<x:xmpmeta ",
        b"Exif\0\0II*\0\x08\0\0\0",
        b"moov",
        b"ilst",
        b"zTXt",
        b"",
    )

    @given(
        st.sampled_from(HEADS),
        st.lists(st.tuples(st.sampled_from(MARKS), st.binary(max_size=64)), max_size=6),
    )
    @settings(max_examples=300)
    def test_any_bytes_give_an_answer(self, head: bytes, parts: list[tuple[bytes, bytes]]) -> None:
        data = head + b"".join(mark + body for mark, body in parts)
        assert read_provenance(data).verdict in {"synthetic", "edited", "captured", "none"}

    @given(st.data())
    @settings(max_examples=150)
    def test_a_signed_file_that_was_damaged(self, synthetic: bytes, data: st.DataObject) -> None:
        damaged = bytearray(synthetic)
        for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=8)):
            damaged[at] = data.draw(st.integers(0, 255))
        end = data.draw(st.integers(0, len(damaged)))
        found = read_provenance(bytes(damaged[:end]))
        assert found.trusted is not True
        assert found.verdict in {"synthetic", "none"}

    def test_long_texts_stay_short(self) -> None:
        found = read_provenance(
            png_with({f"{n}Software": "x" for n in range(50)} | {"Software": "NovelAI" + "i" * 9})
        )
        assert found == Provenance()  # "NovelAIiii" is no known name
        many = png_with({f"k{n}.software": "Midjourney " + "y" * 5000 for n in range(60)})
        assert len(str(read_provenance(many).detail)) <= 1000


def test_names_match_as_whole_words() -> None:
    assert generator_of("Adobe Firefly 3.0") == "Adobe Firefly"
    assert generator_of("DALL·E 3") == "DALL-E"
    assert generator_of("premidjourneyed") is None
