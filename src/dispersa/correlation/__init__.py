"""What does the market imply, what was realized, and is there an edge after cost?

Pure: numbers and frozen nouns in, frozen nouns out. Correlations are fractions (0.10 is ten
points), vols annualized decimals, edges and costs vol points of index vega. *Clean* means that the
names' own variances are taken out of numerator and denominator; *dirty* is the plain ratio.
"""
