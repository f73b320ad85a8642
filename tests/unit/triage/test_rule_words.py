"""What people write in six languages: which sentences raise a priority, and which only look as if they should."""

from __future__ import annotations

import pytest

from helpdesk.triage.deciding.rules import find, usual_type

DANGER = (
    "There is smoke coming out of the docking station",
    "My charger caught fire last night",
    "I got a shock when I touched the server rack",
    "The laptop battery is bulging and the trackpad lifts",
    "A burning smell comes from the plotter",
    "Water is dripping onto the server cabinet",
    "The plug has melted into the socket",
    "Aus dem Drucker kommt Qualm",
    "Im Serverraum riecht es verbrannt, es riecht stark verschmort",
    "Der Akku meines Notebooks ist aufgebläht",
    "Beim Einstecken gab es einen Stromschlag",
    "Il y a de la fumée qui sort de l'onduleur",
    "La batterie de mon portable est gonflée",
    "Ça sent le brûlé dans la salle serveur",
    "Er komt rook uit de printer",
    "De lader vloog in brand",
    "De accu van mijn laptop is opgezwollen",
    "Sale humo del ordenador",
    "La batería está muy hinchada",
    "Huele a quemado en el armario de red",
    "Esce fumo dal monitor",
    "La batteria del portatile è gonfia",
    "C'è odore di bruciato in sala server",
)
CREDENTIALS = (
    "I opened a link in a mail from the bank and entered my password",
    "A caller said he was from IT and I gave him my code",
    "I keep getting prompts to approve a sign-in I did not start",
    "Somebody else logged in to my account from abroad",
    "My mailbox has been hacked",
    "All files on the share have been encrypted and they ask for bitcoin",
    "Ich habe in einer Mail auf den Link geklickt und dort mein Passwort eingegeben",
    "Unser Konto wurde gestern gehackt",
    "J'ai cliqué sur un lien et j'ai saisi mon mot de passe",
    "Mon compte a été piraté cette nuit",
    "Ik heb via een link in een mail mijn wachtwoord ingevuld",
    "Pulsé un enlace y puse mi contraseña",
    "Me llegó un correo y di mis credenciales",
    "Ho aperto il link e ho inserito la mia password",
)
SECURITY = (
    "This looks like a phishing mail",
    "I lost my company phone in the taxi",
    "My laptop has been stolen from the car",
    "I clicked on a strange link and now windows pop up",
    "The scanner reports malware on my PC",
    "I sent the price list to the wrong customer",
    "Mir wurde im Zug das Notebook gestohlen",
    "Ich habe mein Diensthandy verloren",
    "Verdächtige E-Mail vom Chef erhalten",
    "On m'a volé mon ordinateur dans le train",
    "J'ai reçu un mail suspect",
    "Mijn telefoon is gestolen",
    "Ik ben mijn badge verloren, badge ergens kwijt",
    "Me han robado el portátil",
    "He recibido un correo sospechoso",
    "Ho ricevuto una mail sospetta",
    "Mi hanno rubato il telefono",
)
OUTAGE = (
    "Nobody in accounting can open the ERP",
    "The whole warehouse is offline since nine",
    "Everyone on the second floor lost the network",
    "We all cannot print",
    "There is a complete outage at our site",
    "Keiner im Lager kann scannen",
    "Die ganze Abteilung kommt nicht ins System",
    "Seit acht Uhr Stromausfall im Werk",
    "Personne ne peut se connecter",
    "Tout le service est bloqué",
    "Niemand kan inloggen",
    "Het hele kantoor heeft geen internet",
    "Nadie puede entrar en el sistema",
    "Toda la oficina está sin red",
    "Nessuno riesce ad accedere",
    "Tutto l'ufficio è senza internet",
)
DEADLINE = (
    "I have a call with a client in 20 minutes and no sound",
    "The exam starts at 9",
    "Three trucks are waiting at the gate",
    "I need it before 4 pm today",
    "Die Besprechung beginnt in 15 Minuten",
    "Ich kann überhaupt nicht mehr arbeiten",
    "La réunion commence dans une heure",
    "Je ne peux plus travailler",
    "De presentatie begint over tien minuten",
    "Tengo una reunión dentro de una hora",
    "La riunione inizia tra 15 minuti",
)
NOTHING = (
    # Not there, or gone.
    "There is no smoke and no fire, the fan is just loud",
    "The battery is not swollen, it only drains fast",
    "Es brennt nicht, kein Rauch, nur ein Pfeifen",
    "Il n'y a pas de fumée, juste du bruit",
    "Er is geen rook, alleen lawaai",
    "No hay humo, solo ruido",
    "Non c'è fumo, solo rumore",
    "Everyone can log in again, thanks",
    "Wieder verfügbar: letzte Woche konnte niemand drucken",
    # Other meanings of the same words.
    "I have a brand new laptop and want to set it up",
    "Please run a smoke test after the deployment",
    "The firewall drops my connection",
    "Can we book a fire drill in the calendar?",
    "Herr Rauch braucht Zugriff auf das Laufwerk",
    "Rauchmelder im Büro piept, bitte Batterie tauschen",
    "Our Apache Spark job fails with an exception",
    "Please burn the data to a DVD",
    "Je cherche le détecteur de fumée dans l'inventaire",
    "De brandblusser staat verkeerd in de lijst",
    "Se necesita un detector de humo nuevo",
    "Il divieto di fumo non è esposto",
    "I typed my password on the login page and it says it is wrong",
    "I clicked the link in the welcome mail and entered my password, but the page stays white",
    "Ich habe den Link zum Zurücksetzen geöffnet und mein Passwort eingegeben, es geht nicht",
    "Where is the phishing training course?",
    "The link in the article does not open when I click it",
    "I lost the connection to my laptop dock",
    "The phone lost its settings",
    "Nobody can tell me where the form is",
    "Niemand kann mir sagen, wo das Formular ist",
    "Personne ne peut me dire où est le formulaire",
    "Nadie puede decirme dónde está",
    "Nessuno riesce a spiegare, nessuno può dirmi dove si trova",
    "Is there a planned outage this weekend?",
    "Can everyone see the calendar?",
    "The system logs me out every 10 minutes, after that it logs me out in 10 minutes again",
    "My session expires in 5 minutes",
    "The report takes too long, it is done in two hours",
    "I cannot work out how to share a file",
    "The meeting room display in Berlin shows the wrong name",
    "Die Sitzung läuft ab, ich werde in 10 Minuten abgemeldet",
    # Calling it urgent is no reason.
    "URGENT URGENT ASAP!!! my mouse pointer is too small",
    "Höchste Priorität, sofort bearbeiten: Bildschirmschoner ändern",
    "TRÈS URGENT, priorité maximale : changer le fond d'écran",
    "Dringend! Bitte Priorität auf dringend setzen",
    "Spoed! Graag prioriteit urgent, ik wil een andere muis",
    "¡Urgente! Prioridad máxima, quiero otro ratón",
    "Urgentissimo, massima priorità: voglio un altro mouse",
)
RAISING = {
    "danger": DANGER,
    "credentials given away": CREDENTIALS,
    "security": SECURITY,
    "outage": OUTAGE,
    "deadline": DEADLINE,
}


@pytest.mark.parametrize(
    ("rule", "sentence"), [(rule, sentence) for rule, sentences in RAISING.items() for sentence in sentences]
)
def test_a_sentence_raises_the_priority_for_its_reason(rule: str, sentence: str) -> None:
    assert rule in [finding.rule.name for finding in find(sentence)]


@pytest.mark.parametrize("sentence", NOTHING)
def test_a_sentence_raises_nothing(sentence: str) -> None:
    assert find(sentence) == []


def test_what_is_denied_in_one_sentence_may_be_said_in_the_next() -> None:
    assert find("There is no smoke. But the battery is swollen.")[0].rule.name == "danger"


def test_words_far_behind_the_beginning_are_not_read() -> None:
    assert find("line of a log\n" * 1000 + "there is smoke") == []


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Ich brauche einen zweiten Monitor", "request"),
        ("Könnten Sie mir bitte ein Konto einrichten?", "request"),
        ("Pourriez-vous installer le logiciel ?", "request"),
        ("Graag toegang tot de map aanvragen", "request"),
        ("Necesito acceso a la carpeta", "request"),
        ("Vorrei ordinare una tastiera", "request"),
        ("Wie kann ich den Kalender teilen?", "question"),
        ("Comment faire pour changer la langue ?", "question"),
        ("Hoe kan ik mijn handtekening wijzigen?", "question"),
        ("¿Cómo puedo cambiar el idioma?", "question"),
        ("Come posso cambiare la lingua?", "question"),
        ("The screen flickers", "incident"),
        ("Der Drucker zieht kein Papier ein", "incident"),
    ],
)
def test_the_form_of_the_words_suggests_a_type_in_six_languages(words: str, kind: str) -> None:
    chances = usual_type(words)
    assert max(chances, key=lambda name: chances[name]) == kind
