r"""The words that raise a priority, in six languages, and those that only sound so.

English, German, French, Dutch, Spanish and Italian. Each alternative matches the beginning of a word, so that endings
need not be listed; a `\b` ends it where they would make another word of it.
"""

from __future__ import annotations

import re


def words(*alternatives: str) -> re.Pattern[str]:
    """Return a pattern for any of the alternatives, from the beginning of a word on."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})\w*", re.IGNORECASE)


# Stand before what there is not: "no smoke", "ohne Funken", "il n'y a pas de fumée".
NEGATED = re.compile(
    r"(?:(?<!\w)(?:no|not|never|without|isn.t|wasn.t|aren.t|kein\w*|ohne|nicht|weder|pas d[e\u2019']|pas|sans"
    r"|aucune?|geen|niet|zonder|sin|ning[uú]n\w*|no hay|nessun\w*|senza"
    r"|non c.[eè])[\s,]+)(?:[\w\u2019']+\s+){0,2}(?:d[\u2019'])?$",
    re.IGNORECASE,
)

# The same in the middle of what was said: "the battery is not swollen".
DENIED = re.compile(r"(?<!\w)(?:no|not|isn.t|wasn.t|nicht|kein\w*|pas|niet|geen|non)(?!\w)", re.IGNORECASE)

DANGER = words(
    r"smoke\b|smoking\b(?! (?:area|room|break|corner|is))|(?:there (?:are|were)|throwing|giving off|saw|see"
    r"|with) sparks",
    r"sparks? (?:are |is )?(?:coming|fly|flew|from|out)|(?:is|are|was|were|caught|catch(?:es|ing)?|on|a"
    r"|open) fire\b",
    r"flames?\b|burning smell|smell(?:s|ed|ing)? (?:\w+ ){0,3}(?:burn|smoke|gas\b)|(?:plug|socket|cable|charger"
    r"|adapter|laptop|phone|printer|server|screen|monitor) (?:\w+ ){0,3}(?:melt|burn(?:t|ing|ed)\b|scorch)",
    r"(?:swollen|bulg\w+|hissing|leaking|smoking|bloated) (?:\w+ ){0,3}batter",
    r"batter\w+ (?:\w+ ){0,5}(?:swollen|swell|bulg|hiss|burning hot|too hot|very hot|leak|smok|bloat|explod)",
    r"(?:bottom|case|lid|trackpad|back) (?:\w+ ){0,2}bulg|electric(?:al)? shock|got (?:a )?shock|electrocut",
    r"(?:somebody|someone|colleague|he|she|i|we|people) (?:\w+ ){0,2}(?:is|was|am|are|were"
    r"|got) (?:\w+ )?(?:injured|hurt\b|burn(?:ed|t)\b)|gas leak|water (?:is )?(?:dripping|running|leaking"
    r"|pouring) (?:\w+ ){0,4}(?:server|rack|socket)",
    # German
    r"(?<!herr )(?<!frau )(?<!hr\. )(?<!fr\. )rauch(?:t|wolke|entwicklung)?\b|qualm(?:t|en|wolke)?\b"
    r"|es brennt\b(?! nicht)|brennt (?:es|ab)\b|(?:steht|stand|stehen) in flammen|feuer (?:im|gefangen|aus)"
    r"|fängt feuer|brandgeruch|riecht (?:\w+ ){0,2}(?:verbrannt|verschmort|nach gas)|verschmort|angeschmort"
    r"|geschmolzen|angebrannt|funken(?:flug|schlag)?\b|stromschlag|akku (?:\w+ ){0,5}(?:hei(?:ß|ss)|gebläht"
    r"|aufgebl|geschwollen|ausgelaufen)|(?:aufgeblähte|geschwollene|aufgequollene)[rnms]? (?:\w+ ){0,2}akku"
    r"|verletzt\b|explodiert",
    # French
    r"fum[ée]e\b|ça fume|prend feu|pris feu|en feu\b|incendie\b|flammes?\b|odeur de br[uû]l|sent le br[uû]l"
    r"|étincelle|(?:prise|câble|chargeur|écran|ordinateur) (?:\w+ ){0,2}(?:brûl|fond)"
    r"|batterie (?:\w+ ){0,5}(?:gonfl|brûlante|coule)|électrocut|décharge électrique|blessé",
    # Dutch
    r"rook(?:t|wolk|ontwikkeling)?\b|(?:in|is er|er is|vliegt in|vloog in) brand\b|brandlucht|vlammen\b|vonken\b"
    r"|schroeilucht|ruikt (?:\w+ ){0,2}(?:verbrand|naar gas)|(?:opgezwollen|opgezette"
    r"|bolle) (?:\w+ ){0,2}(?:batterij|accu)|(?:batterij|accu) (?:\w+ ){0,5}(?:opgezwollen|opgezet|gloeiend|lekt"
    r"|bol\b)|elektrische schok|gewond",
    # Spanish
    r"humo\b|en llamas\b|fuego\b|incendio\b|chispas?\b|olor a (?:quemado|gas)|huele a (?:quemado|gas)"
    r"|se (?:est[áa] )?(?:quem(?:a|ó|ando)|derrit)\w*|batería (?:\w+ ){0,5}(?:hinchad|inflad|ardiendo|explot)"
    r"|descarga eléctrica|calambrazo|herid[oa]s?\b",
    # Italian
    r"fumo\b|in fiamme\b|prende fuoco|preso fuoco|incendio\b|scintill|odore di (?:bruciato|gas)"
    r"|puzza di (?:bruciato|gas)|si (?:è|sta) (?:bruciat|bruciand|sciog|fus)\w*|batteria (?:\w+ ){0,5}(?:gonfi"
    r"|bollente|esplos|perde)|scossa elettrica|preso (?:la |una )?scossa|ferit[oa]\b",
)
NO_DANGER = words(
    r"smoke[ -]?tests?|smoke[ -]?(?:detector|alarm)|fire[ -]?(?:drill|extinguisher|door|exit|safety|stick|tv|fox"
    r"|wall)",
    r"drill|training|e-?learning|in case of|what if|should there be|brand new|camp ?fire|screensaver|wallpaper",
    r"rauchmelder|rauchverbot|brandschutz|feuerlöscher|übung|im falle|détecteur|exercice|extincteur|en cas d"
    r"|interdiction|rookmelder|oefening|brandblusser|in geval van|detector de humo|simulacro|extintor|en caso de"
    r"|prohibido|rilevatore|esercitazione|estintore|in caso di|vietato|divieto|cortafuegos|funkent|apache spark"
    r"|pyspark|spark job",
)

CREDENTIALS = words(
    # Typing a password is dangerous only after a link or a mail led there.
    r"(?:link|e-?mail|message|attachment|sms|text|caller|scam\w*|somebody"
    r"|someone)\b[^\n]{0,250}?(?<!i can.t )(?:typed|entered|gave|given|filled in|submitted|told (?:him|her"
    r"|them)) (?:[\w,\u2019']+ ){0,8}(?:passw?ord|passcode|credentials|pin\b|code\b|login\b|card)",
    r"(?:approve|confirm|authori[sz]e) (?:a |the |some )?(?:sign-?in|login|log-?in)s? (?:[\w\u2019']+ ){0,3}(?:i"
    r"|we) (?:did(?:n.t| not)|never)|(?:sign-?in|login|mfa|authenticator|prompts?) (?:[\w\u2019']+ ){0,5}(?:i"
    r"|we) (?:did(?:n.t| not)|never) (?:do|make|start|ask|request|trigger)",
    r"somebody (?:else )?(?:has )?(?:logged|signed) in(?:to)? (?:\w+ )?(?:as me|my account)|(?:account|mailbox"
    r"|pc|laptop|computer|system|server|website|we|i) (?:\w+ ){0,3}(?:been |was |were |got |is "
    r"|has been )?(?:hacked|compromised|hijacked)(?! together)",
    r"ransomware|files? (?:\w+ ){0,2}(?:are|is|were|got|have been|been) (?:\w+ )?encrypted|(?:demand"
    r"|ask)\w* (?:\w+ ){0,4}bitcoin",
    r"(?:link|e-?mail|nachricht|anhang|sms|anrufer)\b[^\n]{0,250}?(?:passwort|zugangsdaten|kennwort|pin"
    r"|tan) (?:\w+ ){0,4}(?:eingegeben|eingetippt|verraten|durchgegeben|genannt|gegeben)|(?:konto|rechner"
    r"|postfach|pc|laptop|wir|ich|server) (?:\w+ ){0,4}gehackt|lösegeld|erpressungs"
    r"|dateien (?:\w+ ){0,2}verschlüsselt|anmeldung (?:\w+ ){0,4}nicht von mir",
    r"(?:lien|e-?mail|message|sms|pièce jointe)\b[^\n]{0,250}?(?:saisi|donné|entré|communiqué"
    r"|tapé) (?:\w+ ){0,4}(?:mots? de passe|identifiants|code)|(?:compte|boîte|ordinateur"
    r"|poste) (?:[\w\u2019']+ ){0,4}pirat[ée]|rançon|fichiers (?:\w+ ){0,2}chiffrés",
    r"(?:link|mail|bericht|sms|bijlage)\b[^\n]{0,250}?(?:wachtwoord|inloggegevens"
    r"|pincode) (?:\w+ ){0,4}(?:ingevuld|ingevoerd|gegeven|ingetypt)|(?:account|computer|laptop"
    r"|mailbox) (?:\w+ ){0,3}gehackt|losgeld|bestanden (?:\w+ ){0,2}versleuteld",
    r"(?:enlace|correo|mensaje|sms|adjunto)\b[^\n]{0,250}?(?:introduj|di|puse|escrib[íi]"
    r"|ingres[ée]) (?:\w+ ){0,4}(?:contraseña|credenciales|clave|pin\b)|(?:cuenta|buzón|ordenador"
    r"|equipo) (?:\w+ ){0,4}hackead|pirate(?:ado|ada)\b|rescate en|archivos (?:\w+ ){0,2}cifrados",
    r"(?:link|e-?mail|mail|messaggio|sms|allegato)\b[^\n]{0,250}?(?:inserito|dato|digitato"
    r"|fornito) (?:\w+ ){0,4}(?:password|credenziali|pin\b|codice)|(?:account|casella|computer"
    r"|pc) (?:[\w\u2019']+ ){0,4}(?:hackerat|violat|compromess)|riscatto|file (?:\w+ ){0,2}(?:crittografati"
    r"|cifrati)",
)
NO_CREDENTIALS = words(
    r"(?:password[ -]?)?reset (?:link|mail|e-?mail|page)|(?:activation|invitation|invite|welcome|registration"
    r"|verification|confirmation) (?:link|mail|e-?mail|message|code)|wrong password three|training|simulation"
    r"|awareness",
    r"zurücksetz|aktivierungs|einladungs|willkommens|schulung|réinitialis|d.activation|d.invitation|bienvenue"
    r"|formation",
    r"reset-?link|activatie|uitnodiging|welkomst|restablec|activación|invitación|bienvenida|reimpost|attivazione"
    r"|invito|benvenuto|formazione|cursus|curso",
)

SECURITY = words(
    r"phish|spear-?phish|(?:suspicious|fake|scam|fraudulent|dodgy) (?:\w+ ){0,2}(?:mail|e-?mail|link|message"
    r"|sign-?in|login|invoice|call|website|attachment|activity)|malware|spyware|trojan"
    r"|(?:computer )?virus (?:\w+ ){0,2}(?:warning|found|alert|detected)|(?:data|security) (?:breach|leak)"
    r"|(?:gdpr|privacy) (?:breach|incident)",
    r"clicked (?:on )?(?:\w+ ){0,3}(?:suspicious|strange|weird|odd|fake|dodgy|unknown|bad|wrong) (?:link"
    r"|attachment|file)",
    r"(?:lost|misplaced) (?:my|his|her|our|their|a|the|an|company|work) (?:(?:company|work|business|corporate"
    r"|access) )?(?:laptop|phone|mobile|iphone|device|badge|tablet|ipad|notebook|key ?card|security key"
    r"|usb (?:stick|drive))\b(?! (?:connection|signal|charger|number|screen|call|case|cable|stand|sound"
    r"|settings))",
    r"(?:laptop|phone|mobile|tablet|badge|notebook|bag|car|device) (?:\w+ ){0,5}(?:stolen|was taken|been taken"
    r"|robbed)|stole (?:my|his|her|our|their|a|the)|(?:was|were|got|been) stolen|(?:sent|mailed|forwarded"
    r"|emailed) (?:\w+ ){0,8}to the wrong (?:person|customer|address|recipient|people|client)",
    r"verdächtige[rnms]? (?:\w+ ){0,2}(?:mail|e-mail|nachricht|link|anruf|anhang)|gestohlen|geklaut|einbruch\b"
    r"|schadsoftware|virus (?:\w+ ){0,2}(?:gefunden|gemeldet|entdeckt)|virenwarnung|(?:laptop|handy|diensthandy"
    r"|notebook|tablet|ausweis|badge|usb-stick|zugangskarte|smartphone) (?:\w+ ){0,4}(?:verloren|liegen ?lassen)"
    r"|verloren (?:\w+ ){0,3}(?:laptop|handy|notebook|ausweis)|datenpanne|datenleck|betrugsmail|(?:falschen"
    r"|an den falschen) (?:kunden|empfänger)",
    r"hameçonnage|(?:mail|e-?mail|message|courriel|lien|appel) suspect|(?:été |m.a |a )?vol[ée]e?s?\b(?= (?:dans"
    r"|hier|ce|cette|au|à|mon|ma|son|sa|le|la)|[.,!]|$)|virus (?:\w+ ){0,2}détect|logiciel malveillant"
    r"|perdu (?:mon|ma|le|son|sa) (?:ordinateur|portable|téléphone|badge|tablette|clé usb)|fuite de données"
    r"|cambriol",
    r"verdachte (?:\w+ )?(?:mail|e-?mail|link|bericht|telefoontje)|gestolen|(?:laptop|telefoon|badge|toegangspas"
    r"|tablet|mobiel) (?:\w+ ){0,3}(?:kwijt|verloren)|virus (?:\w+ ){0,2}gevonden|datalek|ingebroken",
    r"(?:correo|mensaje|enlace|llamada) (?:\w+ )?sospechos|(?:me |han |fue |ha sido )(?:\w+ ){0,2}robad\w+"
    r"|robaron|robo de|(?:perdí|he perdido|perdido) (?:\w+ ){0,2}(?:portátil|móvil|teléfono|tarjeta|tableta)"
    r"|virus (?:\w+ ){0,2}detect|fuga de datos|programa malicioso",
    r"(?:mail|e-?mail|messaggio|link|chiamata) (?:\w+ )?sospett|rubat[oaie]\b|(?:perso|smarrito) (?:il |la "
    r"|i )?(?:mio |mia )?(?:portatile|telefono|cellulare|badge|tablet|laptop)|virus (?:\w+ ){0,2}(?:trovato"
    r"|rilevato)|fuga di dati",
)
NO_SECURITY = words(
    r"(?:phishing|security|awareness) (?:training|course|quiz|simulation|test|campaign|e-?learning"
    r"|report button)|training|corona|covid|(?:lost|stolen) (?:time|work|focus)|stolen (?:focus|idea)|schulung"
    r"|phishing-?(?:test|simulation|übung)|formation|entraînement|simulazione|formazione|simulacro de phishing"
    r"|curso|cursus|phishing-?(?:oefening|training)",
)

OUTAGE = words(
    r"(?:nobody|no one|none of us|not a single (?:person|user|colleague)) (?:\w+ ){0,5}(?:can\b|could\b|is able"
    r"|has (?:access|internet|network|wifi|power))(?! (?:tell|help|explain|say|answer|remember|find the time"
    r"|agree|believe|see why|give))",
    r"(?:everyone|everybody|all (?:of )?us|we all|all (?:users|colleagues|employees|staff|branches|offices|tills"
    r"|stores)|(?:the )?(?:whole|entire) (?:site|office|team|floor|department|warehouse|company|building|branch"
    r"|plant|school|store)) (?:[\w\u2019']+ ){0,5}(?:cannot|can.?t|can not|couldn.t|unable|lost|down\b|offline"
    r"|locked out|gets? an? error|no (?:internet|network|wifi|power|access)|without (?:internet|network|power))",
    r"(?:is|are|went|gone|has been) (?:completely |totally )?(?:down|offline|unavailable|unreachable) (?:for|at"
    r"|in|across) (?:everyone|everybody|all|the (?:whole|entire)|our (?:whole|entire)|several|many)",
    r"(?:power|network|internet|total|complete|major|site-?wide|system) (?:outage|failure|blackout)|(?:site"
    r"|office|branch|plant|warehouse|factory|production line) is (?:completely |totally )?(?:down|offline"
    r"|standing still)|production (?:\w+ ){0,2}(?:stopped|stands still|is down|at a standstill)",
    r"(?:niemand|keiner) (?:\w+ ){0,4}(?:kann|kommt|hat)\b(?! (?:mir|uns|sagen|helfen|erklären|zeit))|(?:alle"
    r"|wir alle) (?:\w+ ){0,4}(?:offline|betroffen|ausgefallen|nicht arbeiten|kein (?:internet|netz|zugriff))"
    r"|ganze[rnsm]? (?:standort|büro|abteilung|lager|team|firma|gebäude|etage|filiale"
    r"|werk) (?:\w+ ){0,6}(?:nicht|kein\w*|offline|ohne|steht|ausgefallen|lahm)|komplettausfall|totalausfall"
    r"|stromausfall|netzausfall|systemausfall|produktion (?:\w+ ){0,2}steht",
    r"(?:personne|plus personne) (?:\w+ ){0,3}(?:ne |n.)?(?:peut|arrive|a accès|parvient)(?! (?:me dire|m.aider"
    r"|m.expliquer))|tou(?:t le|te la|te l.|s les) (?:site|bureau|service|équipe|étage|entreprise|magasin"
    r"|collègues|utilisateurs) (?:[\w\u2019']+ ){0,5}(?:panne|bloqu|sans|ne peu|hors|n.a plus|n.ont plus)"
    r"|panne (?:générale|totale|de courant|réseau|d.internet)|coupure (?:de courant|générale|internet)"
    r"|production (?:\w+ ){0,2}(?:arrêtée|à l.arrêt)",
    r"niemand (?:\w+ ){0,4}(?:kan|heeft)\b(?! (?:mij|me|ons|helpen|zeggen|uitleggen))|hele (?:kantoor|afdeling"
    r"|vestiging|team|gebouw|magazijn|bedrijf|verdieping) (?:\w+ ){0,5}(?:niet|geen|plat|offline|zonder|ligt"
    r"|uit\b)|iedereen (?:\w+ ){0,5}(?:offline|geen (?:internet|toegang|verbinding)|kan niet)|stroomstoring"
    r"|stroomuitval|netwerkstoring|grote storing|productie (?:\w+ ){0,2}stil",
    r"nadie (?:\w+ ){0,3}(?:puede|consigue|logra|tiene (?:acceso|internet|red))(?! (?:decirme|ayudarme"
    r"|explicar))|tod[oa] (?:la|el) (?:oficina|equipo|departamento|planta|empresa|tienda|edificio"
    r"|almacén) (?:\w+ ){0,5}(?:no puede|sin|parad|caíd|bloque|está)|(?:corte|apagón|caída) (?:general|total"
    r"|de (?:luz|red|internet|corriente))|producción (?:\w+ ){0,2}parada",
    r"nessuno (?:\w+ ){0,3}(?:può|riesce|ha accesso)(?! (?:a )?(?:dirmi|aiutarmi|spiegar))|tutt[oaie] (?:l.|il |la "
    r"|gli |i )?\s?(?:ufficio|reparto|team|sede|azienda|negozio|magazzino|utenti"
    r"|colleghi) (?:\w+ ){0,5}(?:non (?:può|poss|riesc)|senza|bloccat|ferm|offline|giù)|(?:blackout|guasto"
    r"|disservizio) (?:generale|totale|di rete|elettrico)|produzione (?:\w+ ){0,2}ferma",
)
NO_OUTAGE = words(
    r"planned|scheduled|announced|upcoming (?:outage|maintenance)|(?:is|are|works?|working) (?:\w+ )?again"
    r"|back (?:up|online)|resolved|last (?:week|month|year)|report (?:on|about) (?:the|last)|post-?mortem"
    r"|geplant|angekündigt|wieder (?:da|online|verfügbar|möglich)|letzte (?:woche|monat)|prévue?\b|planifiée?"
    r"|annoncée?|rétabli|la semaine dernière|gepland|aangekondigd|vorige week|hersteld|weer (?:online"
    r"|beschikbaar)|programad|previst|la semana pasada|restablecid|programmat|settimana scorsa|ripristinat",
)

DEADLINE = words(
    r"in (?:\d{1,2}|ten|fifteen|twenty|thirty|forty|half an|a few) ?(?:min\b|minutes?|hours?|h\b)|in (?:an|one"
    r"|two|1|2) hours?",
    r"(?:meeting|call|presentation|demo|interview|flight|train|exam|lecture|webinar|audit"
    r"|hearing) (?:\w+ ){0,2}(?:starts? (?:in|at|soon|now)|begins? (?:in|at|soon)|in (?:\d{1,2}|an|a|half|ten"
    r"|five|fifteen|twenty|thirty)\b|at \d)|(?:truck|driver|customer|client|patient|vessel|ship|plane|guest"
    r"|passenger)s? (?:\w+ ){0,2}(?:are |is )?waiting",
    r"(?:by|before|until|at) (?:noon|midnight|end of (?:the )?(?:day|business)|\d{1,2}(?:[:.]\d{2})? ?(?:am"
    r"|pm)?) today|(?:due|deadline|submit\w*|needed) (?:\w+ ){0,3}(?:today|tonight|this (?:morning|afternoon"
    r"|evening))",
    r"(?:tomorrow|tonight) (?:at|morning at) \d|can(?:no|.)t work(?: at all)?\b(?! (?:out|with|together|on\b))",
    r"in (?:einer|1|zwei|2|einer halben) stunden?|in (?:\d{1,2}|fünf|zehn|fünfzehn|zwanzig|dreißig) (?:minuten"
    r"|min\b)|(?:lkw|fahrer|kunde|patient|gast|gäste)\w* (?:\w+ ){0,2}(?:warte|stehen schon)|(?:abgabe|frist"
    r"|termin) (?:\w+ ){0,2}heute|bis heute (?:mittag|abend|nachmittag|\d)|(?:besprechung|meeting|termin"
    r"|präsentation|vortrag) (?:\w+ ){0,2}(?:beginnt in|fängt gleich|in \d)|kann (?:gar "
    r"|überhaupt )?nicht (?:mehr )?arbeiten\b",
    r"dans (?:une|1|2|deux|une demi-?)\s?heures?|dans (?:\d{1,2}|cinq|dix|quinze|vingt|trente) min|(?:réunion"
    r"|présentation|client|chauffeur|camion|patient)s? (?:\w+ ){0,3}(?:commence dans|attend)|avant (?:midi"
    r"|ce soir|\d{1,2} ?h)|peux plus (?:du tout )?travailler",
    r"over (?:een|1|2|twee|een half) uur|over (?:\d{1,2}|vijf|tien|vijftien|twintig|dertig) minuten|(?:klant"
    r"|chauffeur|patiënt|vrachtwagen)\w* (?:\w+ ){0,2}wacht|(?:vergadering|presentatie"
    r"|overleg) (?:\w+ ){0,2}begint over|voor vanmiddag|uiterlijk vandaag"
    r"|kan (?:helemaal )?niet (?:meer )?werken\b(?! met)",
    r"en (?:una|1|2|dos|media) horas?|en (?:\d{1,2}|cinco|diez|quince|veinte|treinta) minutos|dentro de (?:una|1"
    r"|2|dos|media|\d{1,2}) (?:hora|min)|(?:cliente|camión|paciente|conductor)s? (?:\w+ ){0,3}esperando"
    r"|(?:reunión|presentación) (?:\w+ ){0,2}(?:empieza en|dentro de)|antes de (?:mediodía|las \d)"
    r"|no puedo trabajar",
    r"tra (?:un.ora|mezz.ora|(?:\d{1,2}|cinque|dieci|quindici|venti|trenta) minuti|due ore|2 ore)|(?:cliente"
    r"|camion|paziente|autista|clienti) (?:\w+ ){0,3}aspett|(?:riunione"
    r"|presentazione) (?:\w+ ){0,2}(?:inizia tra|comincia tra)|entro (?:oggi|mezzogiorno|stasera|le \d)"
    r"|non riesco (?:più )?a lavorare",
)
NO_DEADLINE = words(
    r"every|each|log(?:s|ged|ging)? (?:me |us |him |her )?(?:out|off)|sign(?:s|ed) (?:me |us )?out|disconnect"
    r"|drops?\b|dropped|expires?|times? out|timed out|takes?\b|took\b|lasts?\b|restarts?|reboots?|freez|lock(?:s"
    r"|ed) (?:itself|up)|runs? out|finish|done in|within|intervals?|screen ?saver|sleep mode|charged? in",
    r"jede|alle \d|dauert|bricht|trennt|abgemeldet|meldet (?:mich|sich|uns) ab|läuft ab|stürzt|startet neu"
    r"|innerhalb|schaltet",
    r"toutes les|chaque|déconnect|expire|dure\b|redémarre|se coupe|elke|iedere|verbreekt|afgemeld|duurt|verloopt"
    r"|herstart",
    r"cada|desconect|caduca|tarda|dura\b|se reinicia|se cierra|ogni\b|disconnett|scade|dura\b|si riavvia"
    r"|si chiude|impiega",
)
