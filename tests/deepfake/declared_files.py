"""Files that declare where they come from, made here: signed with C2PA, with XMP, PNG text, EXIF."""

from __future__ import annotations

import datetime
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@dataclass(frozen=True)
class Signer:
    """A certificate with its key, and the root that vouches for it; all PEM."""

    chain: bytes
    key: bytes
    root: str


def make_signer(organisation: str = "Example Signers") -> Signer:
    """A root and a certificate as C2PA's certificate profile asks for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(common: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )

    def usage(*, signs_certificates: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            True, False, False, False, False, signs_certificates, signs_certificates, False, False
        )

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    start, end = datetime.datetime(2024, 1, 1), datetime.datetime(2124, 1, 1)

    def certificate(subject: str, public: Any, serial: int) -> Any:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Root"))
            .public_key(public)
            .serial_number(serial)
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    root = (
        certificate("Root", root_key.public_key(), 1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        certificate("Signer", key.public_key(), 2)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Signer(
        leaf.public_bytes(pem) + root.public_bytes(pem), secret, root.public_bytes(pem).decode("ascii")
    )


def pixels(seed: int = 0, side: int = 96) -> Image.Image:
    """A smooth picture that is another one for every seed."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)


def encoded(image: Image.Image | None = None, kind: str = "JPEG", **options: Any) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    (image or pixels()).save(out, kind, **options)
    return out.getvalue()


def xmp_packet(properties: str) -> bytes:
    """An XMP packet with properties given as XML elements or, starting with a space, attributes."""
    attributes, elements = ("", properties) if properties.startswith("<") else (properties, "")
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'
        f"{attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>" + '<?xpacket end="w"?>'
    ).encode()


def png_with(texts: dict[str, str], *, packed: bool = False, image: Image.Image | None = None) -> bytes:
    """A PNG with text chunks, zTXt where they are packed."""
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value, zip=packed)
    return encoded(image, "PNG", pnginfo=info)


def manifest(*actions: dict[str, Any], generator: str = "Example Camera") -> dict[str, Any]:
    """The definition of a C2PA manifest with these actions."""
    return {
        "claim_generator_info": [{"name": generator, "version": "1"}],
        "title": "example",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": list(actions)}}],
    }


def created(term: str, **more: Any) -> dict[str, Any]:
    """The action that creates a file of a digital source type."""
    return {"action": "c2pa.created", "digitalSourceType": IPTC + term, **more}


def signed(
    data: bytes,
    definition: dict[str, Any],
    signer: Signer,
    *,
    mime: str = "image/jpeg",
    parent: tuple[bytes, str] | None = None,
    remote: str | None = None,
    embed: bool = True,
) -> bytes:
    """A file with a C2PA manifest signed by c2pa-python.

    Args:
        parent: the file it was made from, and its relationship.
        remote: address of the manifest that is written into the file.
        embed: whether the manifest is in the file, too.
    """
    import c2pa

    settings = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
    }
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=signer.chain, private_key=signer.key, ta_url=None)
    out = io.BytesIO()
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Builder(definition, context=context) as builder,
        c2pa.Signer.from_info(info) as signing,
    ):
        if parent is not None:
            ingredient = {"title": "from", "relationship": parent[1], "instance_id": "from"}
            builder.add_ingredient(ingredient, mime, io.BytesIO(parent[0]))
        if remote is not None:
            builder.set_remote_url(remote)
        if not embed:
            builder.set_no_embed()
        builder.sign(signing, mime, io.BytesIO(data), out)
    return out.getvalue()


def stripped(data: bytes, kind: str = "PNG") -> bytes:
    """The same pixels in a new file, without any metadata."""
    with Image.open(io.BytesIO(data)) as picture:
        return encoded(Image.fromarray(np.asarray(picture.convert("RGB"))), kind)
