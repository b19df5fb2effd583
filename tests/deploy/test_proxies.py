"""The samples for nginx and Caddy, read by nginx and Caddy."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import trustme
from deploy.files import DEPLOY
from tools import debian

LIMIT = 16 * 1024 * 1024


def run(command: str, *arguments: str, folder: Path) -> None:
    tool = debian.find(command)
    if tool is None:
        pytest.skip(f"no {command} here: `make deploy` unpacks it where it can be had")
    ran = subprocess.run(
        [tool, *arguments],
        env={**os.environ, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def nginx_takes(text: str, folder: Path, replaced: Sequence[tuple[str, str]] = ()) -> None:
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new)
    (folder / "site.conf").write_text(text)
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\nclient_body_temp_path {folder}/body;\n"
        f"proxy_temp_path {folder}/proxy;\nfastcgi_temp_path {folder}/f;\n"
        f"uwsgi_temp_path {folder}/u;\nscgi_temp_path {folder}/s;\n"
        f"include {folder}/site.conf;\n}}\n"
    )
    run("nginx", "-t", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf", folder=folder)


def test_nginx_takes_the_sample(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("images.example.org")
    issued.private_key_pem.write_to_path(tmp_path / "key")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "pem")
    nginx_takes(
        (DEPLOY / "proxy" / "nginx.conf").read_text(),
        tmp_path,
        [
            ("/etc/ssl/images.example.org.pem", f"{tmp_path}/pem"),
            ("/etc/ssl/images.example.org.key", f"{tmp_path}/key"),
        ],
    )


def test_nginx_takes_the_file_of_compose(tmp_path: Path) -> None:
    text = (DEPLOY / "compose" / "nginx.conf").read_text()
    names = [("gateway-1:8000", "127.0.0.1:8001"), ("gateway-2:8000", "127.0.0.1:8002")]
    nginx_takes(text, tmp_path, names)


def test_caddy_takes_the_sample(tmp_path: Path) -> None:
    path = str(DEPLOY / "proxy" / "Caddyfile")
    run("caddy", "validate", "--adapter", "caddyfile", "--config", path, folder=tmp_path)


@pytest.mark.parametrize("path", ["proxy/nginx.conf", "compose/nginx.conf"])
def test_nginx_passes_the_header_with_an_underscore_and_websockets(path: str) -> None:
    text = (DEPLOY / path).read_text()
    assert "underscores_in_headers on;" in text
    assert "proxy_set_header Upgrade           $http_upgrade;" in text


@pytest.mark.parametrize("path", ["proxy/nginx.conf", "compose/nginx.conf", "proxy/Caddyfile"])
def test_metrics_are_not_for_the_world(path: str) -> None:
    assert "/metrics" in (DEPLOY / path).read_text()
