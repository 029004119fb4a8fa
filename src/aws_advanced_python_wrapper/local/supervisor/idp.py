"""The identity providers of a cluster, and their names."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from aws_advanced_python_wrapper.local.idp.sites import Place, Sites

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.supervisor.controller import ClusterController

CONTROLS = {"describe", "set_state", "set_password", "slow", "take_down", "restore", "calls"}


def start(cluster: ClusterController) -> Sites:
    """Serve them from now on."""
    address, domain = cluster.network.idp, f"{cluster.settings.domain_hash}.example.com"
    places = {
        "adfs": Place(f"adfs.{domain}", address, cluster.network.port),
        "okta": Place(f"okta.{domain}", address, cluster.network.private_port),
    }
    sites = Sites(f"{cluster.settings.iam_user}@example.com", places, cluster.authority)
    for place in places.values():
        cluster.records.set_fixed(place.host, address)
    _write_bundle(cluster.authority.ca_file)
    sites.start()
    return sites


def _write_bundle(ca_file: Path) -> None:
    """Write what a program has to trust that visits other sites too."""
    machines_own = ssl.get_default_verify_paths().cafile
    texts = [Path(file).read_text() for file in (machines_own, ca_file) if file]
    ca_file.with_name("ca-bundle.pem").write_text("\n".join(texts))
