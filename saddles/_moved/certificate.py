"""Where pickles of version 0.1 look for certificates: `saddles.certificate`."""

from saddles._result.certificate import Certificate, Certificates

__all__ = ["Certificate", "Certificates"]
