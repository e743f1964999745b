"""Exchange rates from an API; the last known ones when it does not answer."""
import json
import os
import urllib.request

API = os.environ.get("RATES_API", "http://rates.example.com")
LAST_KNOWN = {"EUR": 1.0, "USD": 1.1}


def rates(api=API):
    try:
        with urllib.request.urlopen(f"{api}/latest", timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return LAST_KNOWN


def convert(amount, currency, api=API):
    return amount * rates(api)[currency]
