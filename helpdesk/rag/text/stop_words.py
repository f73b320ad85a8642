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
    "it": _words("""
        a ad al alla alle agli ai allo anche c che chi ci come con cosa cui da dal dalla dalle dei del della delle dello
        di dove e è ed era essere fa gli ha hai hanno ho i il in io l la le lei li lo loro lui ma me mi mia mie mio miei
        molto ne nel nella nelle noi non nostra nostro o ogni per perché più quale quando quella quello questa queste
        questi questo se sei si sia siamo sono su sua sue sul sulla suo tra tu tua tuo tutti tutto un una uno vi voi
    """),
    "nl": _words("""
        aan al alle als bij daar dan dat de deze die dit doen door een en er geen haar had heb hebben heeft hem het hier
        hij hoe hun ik in is ja je jij jouw kan kunnen maar me meer met mij mijn moet na naar niet nog nu of om onder
        ons onze ook op over te toch toen tot u uit uw van veel voor waar wanneer want waren was wat we wel werd wie wij
        wil worden wordt ze zich zij zijn zo zou
    """),
    "pt": _words("""
        a à ao aos as às até com como da das de dela dele deles do dos e é ela elas ele eles em entre era essa esse esta
        está estão este estou eu foi há isso isto já lhe mais mas me meu meus minha minhas muito na não nas nem no nos
        nossa nosso num numa o onde os ou para pela pelo por porque quando que quem se sem ser seu seus só sua suas
        também te tem tenho teu tu tua um uma você vocês
    """),
    "pl": _words("""
        a aby ale ani bardzo bez bo by być był była było były chcę co coś czy dla do gdy gdzie go i ich ile im ja jak
        jako je jego jej jest jestem jeszcze już każdy kiedy kto która które który ma mam mi mnie może mogę można mój
        moja moje na nad nam nas nie niż o od on ona one oni oraz po pod proszę przed przez przy są się sobie ta tak
        także tam te tego tej ten to tu twój ty tylko tym u w we wszystko z za ze że żeby
    """),
}
