"""How orders to a model are worded, in small plain letters; what people at a help desk say is worded otherwise."""

from __future__ import annotations

import re

_SOME = r"(?:[\w'’-]+ ){0,3}?"  # noqa: RUF001
_ORDERS = r"(?:instructions?|rules?|prompts?|directives?|guidelines?|guardrails?|programming)"
_MACHINE = r"(?:ai|a\.i\.|bot|chat ?bot|llm|language model|model|gpt|chatgpt|copilot)"
_ENGLISH = (
    rf"(?:ignore|disregard|forget|override) {_SOME}(?:previous|prior|above|preceding|earlier|your"
    rf"|system) {_SOME}{_ORDERS}"
    rf"|(?:ignore|disregard|forget) (?:all|any and all|every)(?: of)?(?: the| my| our| other)? {_ORDERS}"
    rf"|(?:bypass|stop following|do not follow|don't follow|break) (?:all )?(?:of )?your {_SOME}{_ORDERS}"
    r"|(?:ignore|disregard|forget) (?:everything|anything|all) (?:above|before this|you (?:were|have been|know|are) )"
    r"|(?:dear|hey|attention|hello|hi),? (?:ai|llm|language model|chatgpt|gpt|copilot)\b"
    r"|\byou are (?:now |no longer |actually )?(?:an? |the |my )?(?:helpful |unrestricted |uncensored )?"
    r"(?:chatgpt|gpt-?\d?|claude|gemini|llama|dan\b|ai\b|language model|llm\b)"
    r"|\byou are now (?:an? |the |in )?(?:assistant|admin|root|system|developer|unrestricted|jailbroken|god)"
    r"|(?:act|behave|respond|answer) as (?:if you (?:were|are) )?(?:an? |the )?"
    r"(?:ai\b|dan\b|language model|unrestricted|uncensored|evil)"
    r"|from now on,? you (?:will|must|are to|shall|should)? ?(?:only )?(?:answer|respond|reply"
    r"|ignore|obey|act|speak as)"
    rf"|(?:reveal|print|repeat|show|output|display|leak|disclose|tell me|give me|send me|what is|what are) {_SOME}"
    r"your (?:[\w-]+ )?(?:prompt|instructions|system message|rules verbatim|canary)"
    r"|(?:reveal|print|repeat|output|leak) (?:me )?(?:the |everything |all )(?:system prompt"
    r"|hidden prompt|above|text above|"
    r"instructions above|words above)"
    r"|new system (?:instructions?|rules?|prompt)|\bjailbreak|do anything now"
    r"|\bset (?:the |this |its |my )?(?:ticket'?s? )?priority (?:to|as|=)"
    r"|\bcite (?:only )?(?:source )?s\d{1,3}\b|\banswerable (?:to|=|:|is) ?(?:true|false)"
    r"|(?:respond|answer|reply) only (?:with|in) json"
    r"|\b(?:end|begin(?:ning)?|start) of (?:the )?(?:system prompt|untrusted (?:text|data|input))"
)
# What heads a line or a sentence: in the middle of one, people tell of machines.
_HEADINGS = (
    r"(?:^|[\n.!?:;()\[\]>*#-]\s{0,9})(?:(?:note|message|instructions?|reminder|attention|hint|command)s? (?:to|for) "
    rf"(?:the |any |every |all )?(?:{_MACHINE}|assistant|system(?! (?:admin|engineer|team|owner|log))"
    r"|(?:[\w-]+ )?(?:ai|language) (?:assistant|agent|model))\b|new instructions? ?:)"
)
_GERMAN = (
    rf"(?:ignorier|missacht|vergiss|vergesst|vergessen sie|übergeh)\w* {_SOME}(?:anweisung|regel"
    rf"|vorgabe|instruktion|prompt)"
    r"|(?:hinweis|nachricht|anweisung)(?:en)? (?:an|für) (?:die |den |das |alle )?(?:ki\b|ki-"
    r"|assistenten|sprachmodell|bot\b)"
    r"|du bist (?:jetzt|ab jetzt|nun|ab sofort) |setz\w* (?:die |sie die )?priorität (?:\w+ ){0,2}?auf"
    r"|(?:gib|zeig|nenn|verrat)\w* (?:mir )?(?:deine?n?|den) (?:system-?)?(?:prompt|anweisungen)"
)
_FRENCH = (
    r"(?:ignore[zrs]?|oublie[zrs]?|ne tiens pas compte de|ne tenez pas compte de) (?:[\w'’-]+ )?"  # noqa: RUF001
    r"(?:les|tes|vos|ces|ses) (?:[\w'’-]+ ){0,2}?(?:instructions|consignes|règles|directives)"  # noqa: RUF001
    r"|(?:tu es|vous êtes) (?:maintenant|désormais) |(?:mets|mettez|définis|définissez"
    r"|règle[zr]?) la priorité (?:à|sur|en)"
    r"|(?:note|message|instruction)s? (?:pour|à) (?:l['’ ](?:ia|assistant)|le modèle)\b"  # noqa: RUF001
)
_SPANISH_AND_ITALIAN = (
    rf"(?:ignora|ignore|olvida|olvide|descarta|dimentica|scarta) {_SOME}"
    r"(?:instrucciones|reglas|indicaciones|istruzioni|regole|indicazioni)"
    r"|ahora eres |(?:ora|adesso) sei (?:un|il|lo|una)\b|nota (?:para|per) (?:la ia|el asistente|l'ia|l'assistente)"
    r"|(?:establece|pon|cambia|fija) la prioridad (?:a|en|como)|imposta la priorità (?:a|su|come)"
)
_OTHERS = (
    rf"(?:negeer|vergeet) {_SOME}(?:instructies|regels|aanwijzingen|opdrachten)|je bent (?:nu|vanaf nu) (?:een|de) "
    r"|(?:zet|stel) de prioriteit (?:op|in op)"
    rf"|(?:ignore|esqueça|desconsidere) {_SOME}(?:instruções|regras)|(?:zignoruj"
    rf"|zapomnij) {_SOME}(?:instrukcj|poleceni|zasad)"
    rf"|(?:игнорируй|забудь|не обращай внимания на)\w* {_SOME}(?:инструкци|указани|правил)|ты теперь "
    rf"|(?:ignoruj|zapomeň)\w* {_SOME}(?:pokyny|instrukce|pravidla)|ignorera {_SOME}(?:instruktioner|regler)"
    rf"|(?:önceki|yukarıdaki) {_SOME}(?:talimat|kural)\w* {_SOME}(?:yok say|unut|görmezden)"  # noqa: RUF001
)
_OTHER_SCRIPTS = (
    r"(?:忽略|无视|忘记|忽視|無視)[^。\n]{0,12}(?:指令|指示|提示|规则|規則|命令)|指示を(?:すべて)?(?:無視|忘れ)"
    r"|(?:이전|위의)[^.\n]{0,10}(?:지시|명령)[^.\n]{0,6}(?:무시|잊)|تجاهل[^.\n]{0,16}(?:التعليمات|الأوامر)"
    r"|(?:पिछले|सभी)[^।\n]{0,12}निर्देश[^।\n]{0,10}(?:अनदेखा|भूल)"
)
# Sought at the beginnings of words alone, which is where they are.
_WORDED = re.compile(rf"\b(?:{'|'.join((_ENGLISH, _GERMAN, _FRENCH, _SPANISH_AND_ITALIAN, _OTHERS))})")
_HEADED = re.compile(_HEADINGS)
_IN_OTHER_SCRIPTS = re.compile(_OTHER_SCRIPTS)
# Turns of a conversation, as models are trained on them.
_TURNS = re.compile(
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext|begin_of_text|start_header_id|eot_id)\|>"
    r"|\[/?inst\]|<</?sys>>|</?(?:system|assistant)(?:[_-]prompt)?>|<(?:start|end)_of_turn>"
    r"|(?m:^\s{0,3}#{2,4} ?(?:system|assistant|human)\s*:?\s*$)"
    r"|(?m:^\s{0,3}(?:system|assistant|developer) ?: ?(?:you (?:are|must|will)|ignore|new|from now"
    r"|disregard|override)\b)"
    r"|\"role\"\s{0,3}:\s{0,3}\"(?:system|assistant|developer)\""
)


def order_in(plain: str) -> str | None:
    """Return the first words of a folded text that give orders to a model, None where there are none."""
    patterns = (_TURNS, _WORDED, _HEADED, *(() if plain.isascii() else (_IN_OTHER_SCRIPTS,)))
    return next((found[0] for pattern in patterns if (found := pattern.search(plain)) is not None), None)
