"""The oracles: slow, literal and independent transcriptions, to be read beside the papers.

One module per subject, with its functions: ``from reference.pesme_flammarion import
pesme_flammarion``, or from ``saddles.reference.pesme_flammarion`` in an installed package. The
package holds modules only, so ``from saddles.reference import pesme_flammarion`` gives the module:
if the function had this name too, what was imported before would decide which of the two it is.
"""
