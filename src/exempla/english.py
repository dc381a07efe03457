"""What English is ordinarily written with: common words, and how names can be told from other words."""

from __future__ import annotations

import re
from itertools import chain

_LARGE = "".join(sign for sign in map(chr, chain(range(0x530), range(0x1E00, 0x2000))) if sign.isupper())
"""Capital letters of the Latin, Greek and Cyrillic alphabets, as a class of a regular expression."""
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
# Not followed by 't, because the Don of "Don't" is nobody.
_NAME = rf"(?:[{_LARGE}]')?[{_LARGE}][^\W\d_]++(?!'t)"
CAPITAL = re.compile(rf"(?<!\w){_NAME}")
INSIDE = re.compile(rf"(?<=[\w,;] ){_NAME}")
"""A capitalised word after a word or a comma: it does not begin a sentence, a line or what somebody says."""


_MONTHS = "january february march april may june july august september october november december"
_SHORT = "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun"
_DAYS_AND_TITLES = "monday tuesday wednesday thursday friday saturday sunday mr mrs ms miss dr st"
_TITLES = "aunt auntie uncle sir madam madame monsieur lady lord captain doctor professor father mother"
_MORE_TITLES = "sister brother saint minister"
_FEASTS = "god christmas easter lent advent ramadan earth i i'm i'll i've i'd ai"
CAPITALISED = frozenset(f"{_MONTHS} {_SHORT} {_DAYS_AND_TITLES} {_TITLES} {_MORE_TITLES} {_FEASTS}".split())
"""Words that English writes with a capital and that are nobody's name."""

_COMMON = """
a able about above across after again against ago all almost alone along already also although always am among an and
another any anyone anything are around as asked at away back be became because become been before began behind being
below beside best better between beyond both bottom but by came can can't cannot come comes coming corner could
couldn't day days did didn't do does doesn't doing don't done down during each edge either else end enough even
evening ever every everyone everything far few first five for four from front full gave get gets give go goes going
gone good got great had hadn't half hand hands has hasn't have haven't having he he'd he'll he's her here hers herself
him himself his hour hours how i i'd i'll i'm i've if in inside instead into is isn't it it's its itself just keep
kept kind knew know known last later least left less let like little long look looked lot made make makes making man
many matter may maybe me means middle might mine minute minutes moment more morning most much must my myself near need
never new next night no nobody none nor not nothing now of off often oh old on once one ones only onto or other others
our ours out outside over own part parts people perhaps place put quite rather ready rest right room said same saw say
saying says second see seen she she'd she'll she's should shouldn't side since so some someone something sort still
such take taken taking tell than that that's the their them themselves then there there's these they they'd they'll
they're they've thing things think third this those though thought three through time times to today together told
tomorrow too took top toward towards turn turned two under until up upon us use used very want wanted was wasn't way
ways we we'd we'll we're we've week weeks well went were weren't what what's whatever when where which while who whole
whom whose why will with within without woman won't word words work would wouldn't year years yes yet you you'd you'll
you're you've your yours yourself
"""
ORDINARY = frozenset(_COMMON.split())
"""The commonest words of English. A run made of these only ("at the end of the") stands in any long text, and a writer
cannot be asked to do without it."""
