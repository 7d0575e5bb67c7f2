"""How does a page become HTML? Templates that escape everything, with what every page needs."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from dispersa.web.formats import FILTERS

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"


@cache
def environment() -> Environment:
    """Make the templates' environment: escaping on, unknown names an error."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(FILTERS)
    return made


def html(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Answer with a template."""
    text = environment().get_template(template).render(nonce=request.state.nonce, **values)
    return HTMLResponse(text, status)
