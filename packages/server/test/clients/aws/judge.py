"""What the judges in Python have in common: cases, what they compare, and how they report.

Started by python-judge.ts, which reads one JSON object a line: a name, and what went wrong or why it was skipped. Only boto3 and the standard
library.
"""

import json
import re
import time
import traceback

from botocore.exceptions import ClientError

CASES = []


class Skip(Exception):
    pass


def case(name):
    def register(function):
        CASES.append((name, function))
        return function

    return register


def same(got, wanted, what=""):
    if got != wanted:
        raise AssertionError(f"{what}\n  got    {got!r}\n  wanted {wanted!r}")


def refused(error, call, *args, text=None, status=400, **kwargs):
    """The call raises this modelled class (or has this code), with that status, a request id, and the text when it is known."""
    try:
        answer = call(*args, **kwargs)
    except ClientError as raised:
        code = raised.response["Error"]["Code"]
        if isinstance(error, str):
            same(code, error, raised)
        elif not isinstance(raised, error):
            raise AssertionError(f"{error.__name__} wanted, got {raised}")
        message = raised.response["Error"]["Message"]
        if isinstance(text, re.Pattern):
            assert text.search(message), f"{message!r} does not match {text.pattern}"
        elif text is not None:
            same(message, text)
        same(raised.response["ResponseMetadata"]["HTTPStatusCode"], status, raised)
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", raised.response["ResponseMetadata"]["RequestId"])
        return raised
    raise AssertionError(f"{error} wanted, but it was accepted: {answer}")


def without_metadata(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def main():
    for name, function in CASES:
        result = {"name": name}
        started = time.monotonic()
        try:
            function()
        except Skip as skip:
            result["skip"] = str(skip)
        except Exception:
            result["failure"] = traceback.format_exc()
        result["seconds"] = round(time.monotonic() - started, 3)
        print(json.dumps(result), flush=True)
    print(json.dumps({"end": len(CASES)}), flush=True)
