"""The answers of `decide`, by what they are about; `penstock.execution.decide` has the order of the questions."""
