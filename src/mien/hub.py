"""Files from the Hugging Face hub: from its cache, downloaded if need be, and a quick no where there is no internet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from mien.errors import AssetMissing, reason_of

__all__ = ["cached_folder", "hub_folder"]

PATIENCE = 5.0
"""Seconds to wait for the hub's first answer; its own retries would take half a minute."""

log = logging.getLogger("mien")


def hub_folder(
    repo: str,
    names: Sequence[str],
    *,
    what: str,
    optional: Sequence[str] = (),
    revision: str | None = None,
    download: bool = True,
) -> Path:
    """The folder, in the hub's cache, that holds files of a repository.

    Args:
        repo: `org/name`.
        names: files that must be there.
        what: what they are, for messages, e.g. `the weights`.
        optional: files that are fetched too if the repository has them.
        revision: a branch, tag or commit.
        download: fetch what is not in the cache. False never reaches for the internet.

    Raises:
        AssetMissing: they are neither in the cache nor to be had.
    """
    folder = cached_folder(repo, names, revision)
    missing = [name for name in optional if not _is_known(repo, name, revision)]
    if folder and not (missing and download):
        return folder
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.utils import LocalEntryNotFoundError, get_session

    reason = "" if download and not constants.HF_HUB_OFFLINE else "downloads are switched off"
    try:
        if not reason:
            get_session().head(constants.ENDPOINT, timeout=PATIENCE)
            log.info("downloading %s %s", what, repo)
            commit = folder.name if folder else revision  # beside what is there, not of another version
            for name in missing:
                _fetch_if_there(repo, name, commit)
            paths = [Path(hf_hub_download(repo, name, revision=commit)) for name in names]
            return paths[0].parent
    except LocalEntryNotFoundError:
        reason = "the connection broke"
    except Exception as error:  # network, hub and disk errors have no common ancestor
        reason = reason_of(error)
    if folder:
        return folder
    places = [f"the folder {repo}", f"the cache {constants.HF_HUB_CACHE}", f"{constants.ENDPOINT} ({reason})"]
    todo = "check the name, connect to the internet once, or copy the files here and give their folder"
    raise AssetMissing(f"{what} {repo}{f'@{revision}' if revision else ''}", searched=places, obtain=todo)


def _is_known(repo: str, name: str, revision: str | None) -> bool:
    """Whether the cache has a file, or has seen that the repository does not."""
    from huggingface_hub import try_to_load_from_cache

    return try_to_load_from_cache(repo, name, revision=revision) is not None


def _fetch_if_there(repo: str, name: str, revision: str | None) -> None:
    """A file that a repository may lack. A broken connection is an error, although its kind is one of absence, too."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import EntryNotFoundError, LocalEntryNotFoundError

    try:
        hf_hub_download(repo, name, revision=revision)
    except LocalEntryNotFoundError:
        raise
    except EntryNotFoundError:
        pass


def cached_folder(repo: str, names: Sequence[str], revision: str | None = None) -> Path | None:
    """The cache's folder of a repository if all of `names` are in it; never reaches for the internet."""
    from huggingface_hub import try_to_load_from_cache

    paths = [try_to_load_from_cache(repo, name, revision=revision) for name in names]
    return Path(str(paths[0])).parent if all(isinstance(path, str) for path in paths) else None
