"""What is wrong with a recovered network, from an oracle's answers alone."""

from verify.diagnosis.black_box.diagnose import diagnose_black_box

__all__ = ["diagnose_black_box"]
