"""What build scripts import from beside them: modules and packages of Python 2 and 3."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

import lasport
from lasport.errors import ScriptError

INPUT = "from lasagne.layers import InputLayer\n"
MODEL = f"{INPUT}import mine\ndef build(): return InputLayer((None, mine.SIZE))\n"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes files, and gives the last one's function ``build``."""

    def files(**sources):
        for name, source in sources.items():
            path = tmp_path / (name.replace("__", "/").replace("/init/", "/__init__") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(source), encoding="utf-8")
        return f"{path}:build"

    return files


def sizes(script, **options):
    return lasport.load(script, **options).layers[0].output_shape


def test_a_module_for_python_2_is_translated(write, tmp_path):
    script = write(
        mine="from lasagne.layers import InputLayer\nprint 'neighbour'\n"
        "def source(): return InputLayer((None, 8 / 3))\n",
        model="from mine import source\ndef build(): return source()\n",
    )
    assert sizes(script) == (None, 2)
    assert "mine" not in sys.modules
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.py", "model.py"]


PACKAGES = {
    "explicit": ("from .parts import SIZE, size", "SIZE = 4\ndef size(): return SIZE"),
    "implicit from": ("from parts import SIZE, size", "SIZE = 4\ndef size(): return SIZE"),
    "implicit import": (
        "import os, parts\nSIZE, size = parts.SIZE, parts.size",
        "SIZE = 4\ndef size(): return SIZE",
    ),
    "implicit as": (
        "import parts as p, os\nSIZE, size = p.SIZE, p.size",
        "SIZE = 4\ndef size(): return SIZE",
    ),
    "Python 2 in both": (
        "print 'nets'\nfrom parts import *",
        "print 'parts'\nSIZE = 9 / 2\ndef size(): return SIZE",
    ),
}


@pytest.mark.parametrize(("imports", "parts"), PACKAGES.values(), ids=PACKAGES)
def test_modules_of_a_package_find_each_other(write, imports, parts):
    script = write(
        mine____init__="",
        mine__parts=parts,
        mine__nets=f"{INPUT}{imports}\ndef source(): return InputLayer((None, size()))\n",
        model="from mine.nets import source\ndef build(): return source()\n",
    )
    assert sizes(script) == (None, 4)
    assert not [name for name in sys.modules if name.partition(".")[0] in ("mine", "parts")]


def test_packages_in_packages_are_found(write):
    script = write(
        mine____init__="import inner.deep\nimport inner.deep as again\nSIZE = inner.deep.SIZE\n",
        mine__inner____init__="print 'inner'\n",
        mine__inner__deep="from ..top import SIZE\n",
        mine__top="SIZE = 5\n",
        model=MODEL,
    )
    assert sizes(script) == (None, 5)


def test_a_package_with_implicit_imports_divides_as_python_2_does(write):
    script = write(
        mine____init__="import parts\nSIZE = parts.SIZE / 2\n",
        mine__parts="SIZE = 9\n",
        model=MODEL,
    )
    assert sizes(script) == (None, 4)


def test_absolute_imports_of_python_3_stay_absolute(write):
    script = write(
        parts="SIZE = 3\n",
        mine____init__="import parts\nSIZE = parts.SIZE\n",
        mine__parts="SIZE = 9\n",
        model=MODEL,
    )
    assert sizes(script) == (None, 3)
    assert sizes(script, python=2) == (None, 9)
    future = "from __future__ import absolute_import\nimport parts\nSIZE = parts.SIZE\n"
    assert sizes(write(mine____init__=future, model=MODEL), python=2) == (None, 3)


@pytest.mark.parametrize(
    "imports",
    ("from .parts import SIZE", "from parts import SIZE", "from ..mine.parts import SIZE"),
)
def test_the_script_may_be_in_a_package(write, imports):
    script = write(
        mine____init__="",
        mine__parts="SIZE = 6\n",
        mine__nets____init__="from mine.parts import SIZE\n",
        mine__model=f"{INPUT}{imports}\nimport mine.nets\n"
        "def build(): return InputLayer((None, min(SIZE, mine.nets.SIZE)))\n",
    )
    if ".." in imports:
        with pytest.raises(ScriptError, match="relative import beyond top-level package"):
            sizes(script)
    else:
        assert sizes(script) == (None, 6)


def test_a_copy_of_lasagne_beside_the_script_is_not_used(write):
    script = write(
        lasagne____init__="raise ValueError('the copy')\n",
        nolearn____init__="raise ValueError('the copy')\n",
        theano="raise ValueError('the copy')\n",
        model=f"{INPUT}import theano, nolearn.lasagne\ndef build(): return InputLayer((None, 2))\n",
    )
    assert sizes(script) == (None, 2)


def test_an_environment_beside_the_script_is_left_alone(write):
    place = "venv__lib__site-packages__installed_there"
    script = write(
        **{f"{place}____init__": "VALUE = 2 / 4\n"},
        model=f"""
            import sys
            sys.path.append(__file__.replace('model.py', 'venv/lib/site-packages'))
            {INPUT}
            import installed_there
            def build(): return InputLayer((None, int(4 * installed_there.VALUE)))
        """,
    )
    try:
        assert sizes(script, python=2) == (None, 2)
        assert "installed_there" in sys.modules
    finally:
        sys.modules.pop("installed_there", None)


FUTURE = """
    from __future__ import division, print_function
    from lasagne.layers import InputLayer
    def build():
        try: n = 8 / 3
        except ValueError, error: pass
        assert n > 2.5, n
        return InputLayer((None, int(round(n))))
"""


def test_a_script_for_python_2_may_divide_as_python_3_does(write):
    assert sizes(write(model=FUTURE)) == (None, 3)
