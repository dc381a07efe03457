"""The write stage: a constitution and a plan become texts. One file per recipe, its prompt beside it as text."""
