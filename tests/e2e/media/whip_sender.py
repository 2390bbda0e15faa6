"""Sends a tone and a moving picture by FFmpeg's WHIP client (in a process of its own).

    whip_sender.py URL TOKEN FOLDER

It runs until it is ended. FFmpeg's own certificate would be of P-224, which OpenSSL refuses; the
one that it is given is as OBS makes it.
"""

import array
import datetime
import fractions
import math
import sys
import time
from pathlib import Path

import av
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

WIDTH, HEIGHT, FPS = 320, 240, 15
RATE, SAMPLES = 48_000, 960


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate of P-256; return its file and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sender")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "certificate.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


def send(url: str, token: str, folder: Path) -> None:
    """Publish until the process is ended."""
    certificate, key = write_certificate(folder)
    options = {
        "authorization": token,
        "whip_flags": "dtls_active",
        "cert_file": str(certificate),
        "key_file": str(key),
    }
    with av.open(url, "w", format="whip", options=options) as out:
        tuning = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
        video = out.add_stream("libx264", rate=FPS, options=tuning)
        video.width, video.height, video.pix_fmt, video.gop_size = WIDTH, HEIGHT, "yuv420p", FPS
        audio = out.add_stream("libopus", rate=RATE, layout="stereo")
        start, pictures, samples = time.monotonic(), 0, 0
        while True:
            now = time.monotonic() - start
            if pictures / FPS <= now:
                out.mux(video.encode(_picture(pictures)))
                pictures += 1
            if samples / RATE <= now:
                out.mux(audio.encode(_sound(samples)))
                samples += SAMPLES
            time.sleep(0.002)


def _picture(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([number * 7 % 200 + 20]) * plane.buffer_size)
    frame.pts, frame.time_base = number, fractions.Fraction(1, FPS)
    return frame


def _sound(position: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="flt", layout="stereo", samples=SAMPLES)
    wave = (0.4 * math.sin(2 * math.pi * 440 * (position + n) / RATE) for n in range(SAMPLES))
    frame.planes[0].update(array.array("f", [s for s in wave for _ in "lr"]).tobytes())
    frame.sample_rate, frame.pts = RATE, position
    frame.time_base = fractions.Fraction(1, RATE)
    return frame


if __name__ == "__main__":
    send(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
