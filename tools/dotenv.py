"""The settings in `.env`, read by the same rules as `goldwallet.env`, which only runs inside the
environment."""

from pathlib import Path


def read_dotenv(path: Path) -> dict[str, str]:
    """Its NAME=value lines; none when there is no such file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = [line.strip().partition("=") for line in lines if not line.strip().startswith("#")]
    return {name.strip(): value.strip().strip('"').strip("'") for name, equals, value in pairs if equals}
