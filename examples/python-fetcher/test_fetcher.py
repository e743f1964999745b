"""Tests against the fake API, or so their author thought."""
import unittest

import fetcher

# Inside, the host's loopback has this name; 127.0.0.1 is the sandbox itself.
FAKE = "http://host.childflow.internal:18473"


class Rates(unittest.TestCase):
    def test_convert_asks_the_api(self):
        self.assertEqual(fetcher.convert(10, "USD", FAKE), 20)

    def test_rates_know_the_euro(self):
        # No FAKE here: this asks whatever API the environment has, and the last known rates hide
        # that it did not answer.
        self.assertIn("EUR", fetcher.rates())


if __name__ == "__main__":
    unittest.main()
