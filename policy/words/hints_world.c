/* hints_world.c - things said about the world, and some more of people. Pure data.
 *
 * Each line is one thing that sentences say, in all languages together: English, German, French,
 * Spanish, Italian, Portuguese, Dutch, Polish, Swedish and Danish, Czech, Romanian, Hungarian. So
 * what the model of statement.c learns of a thing from rows of one language holds for the others.
 * Written as hints.c says; read by it. The number of a thing is its place; new ones go to the end
 * of hints_world.c, since the model knows them by that number.
 */
#include "policy/words/hints.h"

const struct pol_hint_words pol_hints_world[] = {
    /* question */
    {POL_CONCEPT + 77, 0,
     "what|which|how|when|why|where|who|was|welche*|wie|wann|warum|wo|wieso|wer|quel*|"
     "quelle*|comment|quand|pourquoi|combien|où|qui|qu'est-ce|qué|cuál*|cómo|cuándo|"
     "cuánt*|por qué|dónde|quién*|che|quale|quali|come|quando|quant*|perché|dove|chi|"
     "que|qual|quais|como|porque|onde|quem|wat|welke|hoe|hoeveel|wanneer|waarom|waar|co|"
     "jaki*|jak|kiedy|ile|ilu|dlaczego|gdzie|kto|czym|vad|vilk*|hur|när|varför|var|vem|"
     "hvad|hvilk*|hvordan|hvornår|hvorfor|hvor|hvem|jaký|jaké|kdy|kolik|proč|kde|kdo|"
     "ce|care|cum|când|câți|câte|cât|de ce|unde|cine|mi|mit|melyik|hogyan|mikor|"
     "miért|hol|ki|mennyi|hány|milyen"},
    /* explain */
    {POL_CONCEPT + 78, 0,
     "explain|define|describe|erklär*|erläuter*|beschreib*|definier*|expliqu*|définis*|"
     "décri*|explica*|describ*|spiega*|definisc*|descriv*|explic*|defin*|descrev*|leg uit|"
     "leg het|verklaar|beschrijf|wyjaśni*|wytłumacz|opisz|zdefiniuj|förklara|beskriv|"
     "definiera|forklar|vysvětli|popiš|explică|descrie|definește|magyarázd|írd le|"
     "ismertesd"},
    /* write */
    {POL_CONCEPT + 79, 0,
     "write|draft|compose|prepare a|create|schreib|verfass*|entwirf|erstell*|formulier*|"
     "rédige*|écris|prépare*|crée|écrivez|escrib*|redact*|prepara|elabora|scrivi|"
     "redigi|crea|inventa|escreve|redige|cria|faz|schrijf|stel|maak een|napisz|przygotuj|"
     "ułóż|stwórz|skriv|skapa|lav|napiš|připrav|vytvoř|scrie|redactează|creează|"
     "pregătește|írj|készíts|fogalmazd"},
    /* rewrite */
    {POL_CONCEPT + 80, 0,
     "rewrite|rephrase|proofread|polite|politer|reword|umformulier*|formuliere um|"
     "höflicher|korrigier*|réécris|reformule*|corrige*|poliment|reescrib*|reformula|"
     "más amable|riscrivi|riformula|più gentile|reescreve|mais educado|herschrijf|"
     "vriendelijker|netter|przeredaguj|przerób|grzeczniej|popraw|skriv om|snällare|"
     "omskriv|pænere|přepiš|slušněji|rescrie|reformulează|politicos|fogalmazd át|"
     "udvarias*"},
    /* compare */
    {POL_CONCEPT + 81, 0,
     "compare|summar*|list|name three|suggest|recommend|vergleich*|fasse|fass|nenne|"
     "empfiehl|zusammenfass*|compar*|résum*|cite|propose|recommande|resum*|enumera|"
     "recomienda|sugiere|confronta|riassum*|elenca|consiglia*|suggeri*|sugere|vergelijk|"
     "vat|noem|porównaj|streść|wymień|poleć|jämför|sammanfatta|nämn|föreslå|"
     "sammenlign|opsummer|nævn|foreslå|porovnej|shrň|jmenuj|doporuč|compară|rezumă|"
     "enumeră|recomandă|hasonlítsd|foglald|sorolj|ajánlj"},
    /* difference */
    {POL_CONCEPT + 82, 0,
     "difference|mean|means|meaning|unterschied*|bedeut*|différence|signif*|diferencia*|"
     "differenz*|significa|diferença|quer dizer|verschil|betekent|różni*|znaczy|oznacza|"
     "skillnad*|betyder|forskel*|rozdíl*|znamená|diferenț*|înseamnă|különbség*|"
     "jelent"},
    /* law */
    {POL_CONCEPT + 83, 0,
     "law|act|article|section|legislation|legal|statute|regulation|gesetz*|recht|paragraf|"
     "artikel|verordnung|gesetzlich*|loi|code|règlement*|légal*|légaux|ley|artículo|"
     "código|legal*|legge|articolo|codice|normativa|norma|lei|artigo|decreto|wet|"
     "wettelijk|regeling|ustaw*|przepis*|kodeks*|prawo|prawa|art|lag|lagen|lagstif*|loven|"
     "lov|lovgiv*|zákon*|zákoník*|předpis*|legea|lege|legii|articol*|cod|törvény*|"
     "jogszab*|cikk"},
    /* rule */
    {POL_CONCEPT + 84, 0,
     "employer|employers|policy|staff|employees|everyone|anyone|nobody|prohibited|"
     "guideline*|arbeitgeber*|beschäftigte*|alle|jede*|niemand|richtlinie*|untersagt|"
     "unzulässig|zulässig|vorgesetzte*|employeur*|personnel|salariés|chacun*|chaque|"
     "règle*|empresa|empleador*|todos|personal|norma*|cualquier*|datore di lavoro|datori|"
     "dipendenti|lavoratori|chiunque|ogni|azienda|empregador*|trabalhadores|qualquer|"
     "regulamento|werkgever*|medewerkers|iedereen|beleid|regels|pracodawc*|pracownicy|"
     "każdy|wszyscy|regulamin*|zasad*|arbetsgivar*|anställda|alla|riktlinj*|"
     "arbejdsgiver*|ansatte|medarbejder*|retningslinj*|zaměstnavatel*|zaměstnanci|"
     "všichni|každý|směrnic*|angajator*|angajați*|toți|fiecare|regulament*|"
     "munkáltató*|dolgozók|mindenki|szabályzat*"},
    /* percent */
    {POL_CONCEPT + 85, 0,
     "percent|per cent|prozent|pourcent*|por ciento|por cento|per cento|procent*|percento|"
     "százalék*|statistic*|statistik*|statistique*|estadístic*|estatístic*|statystyk*|"
     "statistisk*|million*|millionen|milioni|millones|milhões|milion*|miljon*|miliard*"},
    /* study */
    {POL_CONCEPT + 86, 0,
     "study|survey|poll|researchers|scientists|research|trial|studie|umfrage|forscher*|"
     "forschung|institut|wissenschaftler*|étude|sondage|chercheurs|enquête|estudio|"
     "encuesta|investigador*|studio|sondaggio|ricercatori|indagine|estudo|sondagem|"
     "inquérito|onderzoek*|badani*|sondaż*|naukowc*|ankiet*|studien|undersökning*|"
     "forskar*|undersøg*|forsker*|průzkum*|vědc*|výzkum*|studiu*|sondaj*|cercetător*|"
     "kutat*|felmérés*|tanulmány"},
    /* museum */
    {POL_CONCEPT + 87, 0,
     "museum*|exhibition|exhibit|display|gallery|ausstellung*|museum|musée*|exposition|"
     "expo|museo|exposición|mostra|museu|exposição|tentoonstelling|muzeum|wystaw*|"
     "utställning*|museet|udstilling*|výstav*|muzeu*|expoziți*|kiállítás*|múzeum*"},
    /* fiction */
    {POL_CONCEPT + 88, 0,
     "film|movie|novel|book|series|story|play|character*|thriller|chapter|actor|roman|buch|"
     "serie|geschichte|krimi|kapitel|figur*|schauspiel*|livre|série|histoire|polar|"
     "personnage*|chapitre|película|novela|libro|cuento|personaje*|capítulo|romanzo|"
     "racconto|giallo|personagg*|capitolo|filme|romance|livro|conto|personage*|boek|"
     "verhaal|hoofdstuk|powieść|powieści|książk*|opowiad*|serial*|kryminał*|bohater*|"
     "rozdział|bok|boken|novell*|deckare|bog|bogen|fortælling|kniha|knih*|příběh|"
     "detektivk*|kapitol*|románu|carte|carția|poveste|povestir*|polițist*|capitol*|"
     "könyv*|regény*|történet|fejezet*"},
    /* poster */
    {POL_CONCEPT + 89, 0,
     "poster|leaflet|brochure|flyer|slides|slide|presentation|notice|plakat|broschüre|"
     "merkblatt|folie*|präsentation|aushang|faltblatt|affiche|dépliant|diapo*|"
     "présentation|cartel|folleto|diapositiva*|presentación|volantino|opuscolo|"
     "presentazione|manifesto|locandina|cartaz|folheto|diapositivo*|apresentação|folder|"
     "dia's|presentatie|ulotk*|broszur*|slajd*|prezentacj*|affisch|broschyr|"
     "informationsblad|bild*|pjece|præsentation|leták*|brožur*|plakát*|prezentac*|"
     "pliant*|afiș|broșur*|diapozitiv*|prezentar*|szórólap*|brosúr*|dia|diák|"
     "prezentáci*"},
    /* event */
    {POL_CONCEPT + 90, 0,
     "conference|lecture|seminar|workshop|training|course|webinar|meeting|event|open day|"
     "tagung|vortrag|schulung|kurs|veranstaltung|besprechung|konferenz|colloque|"
     "conférence|formation|séminaire|réunion|atelier|congreso|conferencia|charla|curso|"
     "taller|reunión|jornada*|formación|convegno|conferenza|corso|riunione|seminario|"
     "formazione|conferência|palestra|reunião|formação|congres|lezing|cursus|"
     "vergadering|opleiding|konferencj*|wykład*|szkoleni*|spotkani*|warsztat*|konferens*|"
     "föreläs*|utbildning*|kurs*|möte*|foredrag*|møde*|konference*|kursus*|konferenc*|"
     "přednášk*|školen*|schůz*|conferinț*|cursul|ședinț*|curs|prelegere|"
     "konferenci*|előad*|képzés*|megbeszél*|tanfolyam*"},
    /* room */
    {POL_CONCEPT + 91, 0,
     "room|hall|venue|book the|chairs|tables|projector|saal|raum|halle|beamer|stühle|"
     "umbuchen|buch|salle|chaises|projecteur|réserv*|sala|salón|sillas|proyector|reserv*|"
     "aula|sedie|proiettore|prenot*|cadeiras|projetor|zaal|stoelen|reserveer|salę|krzes*|"
     "rzutnik*|zarezerw*|sal|salen|stolar|projektor*|boka|lokal*|lokale|stole|book|sál|"
     "židle|promítač*|zamluv*|sală|scaune|proiector*|rezerv*|terem|teremb*|székek|"
     "foglal*"},
    /* supply */
    {POL_CONCEPT + 92, 0,
     "order|delivery|delivered|missing|empty|supplier|quote|stock|box|bestell*|liefer*|"
     "fehlen|fehlt|leer|angebot|lieferant|karton*|command*|livrais*|livr*|manque*|vide|"
     "fournisseur|devis|pide|pida|pedid*|entreg*|faltan|falta|vací*|proveedor|presupuesto|"
     "ordin*|consegn*|manca|mancano|vuot*|fornitore|preventivo|encomend*|entrega*|faltam|"
     "vazi*|fornecedor|orçamento|bestel*|lever*|ontbre*|leeg|offerte|zamów*|dostaw*|"
     "brakuje|brak|pust*|oferta|beställ*|leverans*|saknas|tom|slut|bestil*|mangler|tilbud|"
     "objedn*|dodáv*|chybí|prázdn*|nabídk*|comand*|lipsesc|lipsește|gol|goală|ofert*|"
     "rendel*|szállít*|hiányz*|üres|nincs|ajánlat"},
    /* product */
    {POL_CONCEPT + 93, 0,
     "cm|size|washable|battery|usb*|waterproof|colours|pack|set|cotton|steel|memory foam|"
     "price|größe|waschbar|akku|baumwolle|stück|farben|edelstahl|wasserdicht|taille|"
     "lavable|pile|coton|étanche|couleurs|lot|talla|pila*|algodón|resistente|colores|"
     "taglia|lavabile|batteria|cotone|pezzi|colori|tamanho|lavável|pilhas|algodão|cores|"
     "peças|maat|wasbaar|katoen|batterij|kleuren|rozmiar|bawełn*|bateri*|kolor*|sztuk|"
     "storlek|tvättbar|bomull|batteri|størrelse|vaskbar|bomuld|velikost|bavln*|kus*|"
     "mărime|bumbac|bucăți|méret|mosható|pamut|elem|darab"},
    /* city */
    {POL_CONCEPT + 94, 0,
     "ministry|government|parliament|city|council|minister|trust|announced|authority|"
     "commission|ministerium|regierung|bundestag|stadt|behörde|landtag|kommission|eu|"
     "teilte|ministère|gouvernement|parlement|mairie|ville|sénat|préfecture|ministerio|"
     "gobierno|parlamento|congreso|ayuntamiento|ministero|governo|comune|regione|camera|"
     "senato|ministério|câmara|assembleia|ministerie|regering|kamer|gemeente|"
     "ministerstw*|rząd*|sejm*|senat*|miasto|urząd|urzęd*|regeringen|riksdagen|kommunen|"
     "myndighet*|folketinget|kommune*|styrelse*|ministerstv*|vláda|vlády|sněmovn*|"
     "město|úřad*|minister*|guvern*|parlament*|primări*|kormány*|országgyűlés|"
     "minisztérium*|önkormányzat*|hatóság*"},
    /* food */
    {POL_CONCEPT + 95, 0,
     "recipe|menu|caterer|catering|lunch|buffet|cake|rezept|menü|essen|kuchen|recette|"
     "traiteur|repas|receta|menú|comida|ricetta|menù|pranzo|receita|ementa|almoço|"
     "recept|cateraar|przepis|obiad*|catering*|meny|lunch*|julbord*|opskrift|frokost*|"
     "recept*|oběd*|rețet*|meniu*|prânz*|ebéd*"},
    /* building */
    {POL_CONCEPT + 96, 0,
     "roof|restoration|renovation|scaffold*|planning permission|car park|dach|sanierung|"
     "renovierung|gerüst|parkplätze|umbau|toit|rénovation|échafaud*|travaux|tejado|"
     "restauración|obras|reforma|tetto|restaur*|lavori|parcheggio|telhado|restauro|dak|"
     "renovatie|steigers|verbouwing|remont*|rusztowan*|tak|renover*|restaurering|tag|"
     "renovering|střech*|oprav*|rekonstrukc*|acoperiș*|renov*|tető*|felújít*"},
    /* greeting */
    {POL_CONCEPT + 97, 0,
     "hello|hi|dear|morning|hey|hallo|liebe|lieber|guten|moin|bonjour|salut|cher|chère|"
     "coucou|hola|buenos|buenas|querid*|estimad*|ciao|buongiorno|gentile|salve|olá|"
     "bom dia|caro|cara|boa tarde|goedemorgen|hoi|beste|dag|cześć|hej|dzień dobry|drog*|"
     "szanown*|witam|hejsan|god morgon|kære|godmorgen|ahoj|dobrý den|vážen*|milá|"
     "milý|bună|stimat*|dragă|szia|helló|jó napot|kedves|tisztelt"},
    /* closing */
    {POL_CONCEPT + 98, 0,
     "thanks|regards|cheers|sincerely|danke|gruß|grüße|herzlich*|merci|cordialement|"
     "bises|gracias|saludo*|abrazo|grazie|saluti|cordiali|obrigad*|cumprimentos|abraço|"
     "bedankt|groet*|dank|dziękuj*|pozdrawiam|z poważaniem|tack|hälsning*|mvh|tak|"
     "hilsen|děkuj*|díky|zdraví*|pozdravem|mulțum*|cu stimă|salutări|köszön*|üdv*|"
     "üdvözlettel"},
    /* weekday */
    {POL_CONCEPT + 99, 0,
     "monday|tuesday|wednesday|thursday|friday|saturday|sunday|montag*|dienstag*|mittwoch*|"
     "donnerstag*|freitag*|samstag*|sonntag*|lundi|mardi|mercredi|jeudi|vendredi|samedi|"
     "dimanche|lunes|martes|miércoles|jueves|viernes|sábado*|domingo*|lunedì|martedì|"
     "mercoledì|giovedì|venerdì|sabato|domenica|segunda|terça|quarta|quinta|sexta|"
     "maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag|poniedział*|wtorek|"
     "wtorku|środ*|czwart*|piątek|piątku|sobot*|niedziel*|måndag|tisdag*|onsdag*|"
     "torsdag*|fredag*|lördag*|söndag*|mandag*|tirsdag*|lørdag*|søndag*|pondělí|"
     "úterý|středu|středa|čtvrtek|pátek|sobotu|neděl*|luni|marți|miercuri|joi|"
     "vineri|sâmbătă|duminic*|hétfő*|kedd*|szerd*|csütört*|péntek*|szombat*|"
     "vasárnap*"},
    /* school */
    {POL_CONCEPT + 100, 0,
     "thesis|essay|homework|lesson|quiz|year 9|textbook|students|hausarbeit|referat|"
     "masterarbeit|unterricht*|klasse|lückentext|schüler*|mémoire|exposé|devoir|cours|"
     "lycéens|classe|tfg|trabajo de clase|deberes|alumnos|tesis|tema|tesi|compito|"
     "verifica|lezione|studenti|tese|dissertação|trabalho de casa|aula|teste|scriptie|"
     "huiswerk|les|klas|werkstuk|magisterk*|referat*|lekcj*|sprawdzian*|klas*|uppsats*|"
     "läxa|lektion*|klass*|opgave*|lektie*|speciale|diplomk*|referát*|úkol|hodin*|"
     "třída|licenț*|lecți*|clasa|szakdolgozat*|házi feladat|óra|osztály*|dolgozat*"},
    /* science */
    {POL_CONCEPT + 101, 0,
     "genome|species|plants|wheat|laboratory|sequenced|bacteria|genom*|pflanzen|weizen|"
     "labor*|entschlüssel*|arten|génome|espèce*|blé|laboratoire|séquenc*|genoma|"
     "especie*|trigo|laboratorio|secuenci*|grano|sequenz*|specie|espécie*|sobreiro|"
     "sequenci*|genoom|tarwe|soort*|pszenic*|gatun*|arvsmass*|arter|hvede|arvemasse|druh*|"
     "pšenic*|specii|grâu|faj|búza|genomja"},
    /* news */
    {POL_CONCEPT + 102, 0,
     "fell|rose|increase*|decreas*|dropped|sank|gestiegen|gesunken|sinkt|steigt|zunahme|"
     "baisse*|hausse|diminu*|augment*|bajan|suben|caen|desciend*|calano|calo|aument*|"
     "in calo|desceram|subiram|daling|daalt|stijg*|spad*|wzrost*|wzrosł*|minskar|ökar|"
     "färre|falder|stiger|færre|kles*|ubylo|přibylo|stoup*|scăd*|crescut|creșter*|"
     "csökken*|nőtt|emelked*"},
    /* history */
    {POL_CONCEPT + 103, 0,
     "history|century|founded|medieval|war|emperor|king|geschichte|jahrhundert*|gegründet|"
     "gründung|krieg|kaiser|könig|histoire|siècle|fondé*|guerre|roi|historia|siglo|"
     "fundad*|guerra|rey|storia|secolo|fondat*|história|século|geschiedenis|eeuw|"
     "opgericht|oorlog|historię|wiek*|założ*|wojn*|historien|århundrade*|grundad*|"
     "krig*|århundrede*|grundlagt|histori*|dějin*|století|založ*|válk*|istori*|secol*|"
     "război*|történet*|század*|alapít*|háború*"},
    /* work */
    {POL_CONCEPT + 104, 0,
     "shift|rota|leave|day off|home office|contract|job|overtime|schicht*|urlaub|frei|"
     "dienstplan|homeoffice|überstunden|stelle|vertrag|congé*|horaires|télétravail|"
     "poste|contrat|turno*|permiso|teletrabajo|contrato|vacaciones|permess*|ferie|turni|"
     "smart working|contratto|folga*|férias|teletrabalho|dienst|rooster*|verlof|"
     "thuiswerk*|zmian*|urlop*|grafik*|zdaln*|dyżur*|etat|skift*|ledig*|semester|pass|"
     "vagt*|fri|orlov|směn*|dovolen*|volno|tura|tură|ture|concediu*|liber|telemunc*|"
     "műszak*|szabads*|szabi|otthonról"},
    /* delete */
    {POL_CONCEPT + 105, 0,
     "delete|erase|remove my|lösch*|löschung|supprim*|effac*|retir*|borr*|elimin*|"
     "cancell*|apag*|verwijder*|wis|usuń|usunię*|radera|ta bort|slet*|smaž*|vymaž*|"
     "șterge*|ștergerea|töröl*"},
    /* travel */
    {POL_CONCEPT + 106, 0,
     "train|trains|metro|bus|flight|traffic|zug|züge|bahn|verkehr|métro|vol|circulation|"
     "tren|trenes|vuelo|tráfico|treno|treni|mezzi|traffico|comboio|comboios|trânsito|"
     "trein*|verkeer|pociąg*|kolej*|mpk|tåg*|trafik*|tog*|vlak*|mhd|doprav*|tren*|metrou|"
     "trafic*|vonat*|bkv|közleked*"},
    /* housing */
    {POL_CONCEPT + 107, 0,
     "flat|rent|landlord|lease|apartment|wohnung*|miete|vermieter|appartement|logement|"
     "loyer|bail|piso|alquiler|casero|affitto|appartamento|casa|renda|apartamento|arrendar|"
     "huur*|woning|mieszkan*|wynaj*|czynsz*|lägenhet*|hyra|hyres*|lejlighed*|husleje|byt|"
     "bytu|nájem*|chirie|apartament*|garsonier*|lakás*|albérlet*"},
    /* police */
    {POL_CONCEPT + 108, 0,
     "police|officer|cops|polizei*|kripo|kommissar*|gendarme*|commissari*|policía|"
     "guardia civil|agente|polizia|carabinieri|questura|polícia|psp|gnr|politie|agent|"
     "policj*|funkcjonariusz*|polis*|politi*|betjent*|polici*|policist*|poliți*|rendőr*"},
    /* nationality */
    {POL_CONCEPT + 109, 0,
     "german|french|polish|turkish|arab|african|asian|indian|pakistani|nigerian|somali|"
     "chinese|syrian|afghan|deutsch*|türk*|arab*|afrikan*|asiat*|indisch*|nigerian*|syr*|"
     "afghan*|chines*|arabe*|africain*|turc*|turque*|asiatique*|indien*|algérien*|"
     "marocain*|tunisien*|sénégalais*|malien*|marroquí*|african*|árabe*|turco*|turca*|"
     "ecuatorian*|colombian*|peruan*|bolivian*|senegal*|marocchin*|albanes*|tunisin*|"
     "romen*|angolan*|brasileir*|cabo-verdian*|guineens*|moçambican*|marokka*|turks*|"
     "surina*|antillia*|syrisch*|afghaan*|ukrai*|wietnam*|czecze*|białorus*|nigeryj*|"
     "syryj*|somal*|syrisk*|irak*|afgan*|eritre*|ukrajin*|vietnam*|nigerij*|mongol*|"
     "ucrain*|sirian*|nepal*|kínai*|ukrán*|szír*|vietnám*|nigériai*|albán*"},
    /* relbelief */
    {POL_CONCEPT + 110, 0,
     "muslim*|islam*|christian*|catholic*|protestant*|jew|jewish|hindu*|buddhist*|sikh*|"
     "atheist*|agnostic|mormon|orthodox|evangelical|christ*|kathol*|evangel*|jüdisch*|"
     "jude|jüdin|juden|muslimin|chrétien*|catho*|juif*|juive*|musulman*|bouddhiste*|"
     "athée*|cristian*|católic*|judí*|musulm*|ateo*|atea*|atei*|ateé*|cattolic*|ebre*|"
     "buddist*|ortodoss*|judeu*|judia*|muçulman*|ortodox*|joods*|jood|moslim*|katholiek*|"
     "atheïst*|żyd*|muzułm*|katoli*|ateist*|prawosławn*|ewangeli*|jud*|kristen*|"
     "katolik*|jøde*|žid*|křesť*|katolí*|věřící|nevěřící|evre*|creștin*|"
     "catolic*|credinci*|zsidó*|muszlim*|keresztény*|hívő*"},
    /* gay */
    {POL_CONCEPT + 111, 0,
     "gay|lesbian|homosexual*|bi|bisexual*|trans|transgender|queer|nonbinary|non-binary|"
     "asexual|schwul*|lesb*|homosexuell*|bisexuell*|nichtbinär*|homo|homosexuel*|lesbien*|"
     "bisexuel*|gay*|lesbiana*|maric*|trans*|lesbic*|omosessual*|bisessual*|lésbica*|"
     "homossexual*|bissexual*|lesbisch*|homoseksue*|biseks*|gej*|lesbijk*|biseksual*|"
     "homoseksual*|transpłci*|bög*|flata|lesbisk*|bøsse*|homoseksuel*|leszb*|"
     "homosexuál*|teplý|teplouš*|meleg|biszex*|transz*"},
    /* deadgrp */
    {POL_CONCEPT + 112, 0,
     "grindr*|tinder|dating|app|romeo|scruff|wapo|hinge|profile|profil*|perfil|profilo"},
    /* child_two */
    {POL_CONCEPT + 113, 0,
     "two mums|two dads|two mothers|zwei mamas|zwei mütter|zwei väter|deux mamans|"
     "deux papas|dos madres|dos papás|due mamme|due papà|duas mães|dois pais|"
     "twee moeders|twee vaders|dwie mamy|dwóch ojców|två mammor|två pappor|to mødre|"
     "to fædre|dvě mámy|dva táty|două mame|doi tați|két anyuka*|két apuka*"},
    /* rejects */
    {POL_CONCEPT + 114, 0,
     "harass*|bullying|expelled|fired|sacked|evicted|thrown out|gemobbt|rausgeworfen|"
     "gekündigt|gefeuert|verstoßen|harcel*|viré*|licenci*|expuls*|acoso*|echaron|"
     "despid*|despedid*|licenzia*|cacciat*|mobbing|despedi*|ontslag*|ontslagen|gepest|"
     "zwolnion*|wyrzuc*|mobbing*|uppsagd|sparkad*|mobbad*|fyret|fyring|mobbet|vyhoz*|"
     "výpověď*|šikan*|concediat*|dat afară|hărțuit*|kirúg*|elbocsát*|zaklat*"},
    /* alcohol */
    {POL_CONCEPT + 115, 0,
     "drink*|drunk|sober|alcohol*|bottle|trinkt|trinken|getrunken|nüchtern|alkohol*|"
     "flasche|säuft|boit|boire|alcool*|bouteille|sobre|bebe|bebid*|botella|sobri*|beve|"
     "bere|ubriac*|bottiglia|alcol*|garrafa|álcool*|drinkt|dronken|fles|nuchter|pije|pić|"
     "pijan*|trzeźw*|butelk*|dricker|supa*|nykter|flask*|drikker|druk|ædru|pil|"
     "střízliv*|lahev|lahve|bea|beat|treaz|sticl*|iszik|ivott|részeg*|józan"},
    /* allergy */
    {POL_CONCEPT + 116, 0,
     "allerg*|intoleran*|nuts|peanut*|shellfish|gluten|celiac|coeliac|epipen|alerg*|"
     "uczulen*|uczulon*|orzech*|alergi*|nüsse|erdnuss*|schalentier*|zöliak*|arachide*|"
     "fruits de mer|cacahuete*|marisco*|frutos secos|celíac*|celiac*|crostacei|noci|"
     "arachidi|noten|pinda*|schaaldier*|nötter|skaldjur*|nødder|skaldyr|ořech*|nuci|"
     "fructe de mare|dió*|mogyoró*"},
    /* mental */
    {POL_CONCEPT + 117, 0,
     "depress*|anxi*|panic|burnout|burn-out|suicid*|mental*|psych*|trauma*|stress*|angst*|"
     "selbstmord*|anxié*|angoisse*|ansiedad*|pánico|depresi*|ansia|panico|esaur*|"
     "ansiedade|pânico|esgotament*|overspannen|paniek*|lęk*|samobój*|wypalen*|ångest*|"
     "utmatt*|utbränd*|úzkost*|vyhoř*|anxiet*|panică|szorong*|pánik*|kiég*"},
};
const size_t pol_hints_world_n = sizeof(pol_hints_world) / sizeof(pol_hints_world[0]);
