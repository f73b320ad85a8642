"""Words too common to tell passages apart, by language."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS: dict[str, frozenset[str]] = {
    "en": _words("""
        a about after again all also am an and any are as at be because been before being but by can could did do does
        doing for from had has have having he her here him his how i if in into is it its just me more my no not of on
        or our out over she should so some such than that the their them then there these they this those to too under
        up us was we were what when where which while who why will with would you your
    """),
    "de": _words("""
        aber alle als also am an auch auf aus bei bin bis bitte da das dass dem den der des die dies diese dieser doch
        du durch ein eine einem einen einer eines er es euch für habe haben hat ich ihm ihn ihr im in ist ja kann kein
        keine können man mehr mein meine mich mir mit nach nicht noch nun nur ob oder ohne schon sehr sein sich sie
        sind so über um und uns unter vom von vor war was weil wenn werden wie wir wird wo zu zum zur
    """),
    "fr": _words("""
        à ai au aux avec ce ces cet cette comme dans de des du elle en est et être eu il ils j je l la le les leur lui
        ma mais me mes moi mon ne nos notre nous on ont ou où par pas plus pour qu que qui sa se ses si son sont sur
        ta te tes toi ton tu un une vos votre vous y
    """),
    "es": _words("""
        a al algo como con cuando de del desde donde el ella ellos en entre era es esa ese eso esta este esto ha hay
        he la las le les lo los más me mi mis muy no nos o para pero por porque que quien se ser si sin sobre son su
        sus también te tengo tiene tu un una uno y ya yo
    """),
}
