/* cues.c - the cue words: which words tell what kind of work a text asks for, in English, German,
 * French, Spanish, Italian, Polish and Dutch.
 *
 * Data only. Words are lower case and folded as features.c folds text (no accents, "ss" for the
 * sharp s, "l" for the Polish barred l). A trailing '*' matches any ending; a word may stand in
 * several classes. META holds what callers say about difficulty, effort or models; FILL the small
 * words around it. Neither is a feature: see features.h. Keep each class general: a cue names work,
 * never a topic of one data set.
 */
#include "gateway/route/features.h"

const struct gw_cue_words gw_cue_table[] = {
    {GW_CUE_META,
     "easy easily easiest hard harder hardest difficult* simple simpl* trivial* complex "
     "complexity complicated challenging tricky tough basic advanced expert* genius smart "
     "smartest best careful* thorough* deep deeply reason* think thinking thought* step steps "
     "stepbystep urgent* important* critical crucial model models tier route router routing "
     "commodity cheap* expensive premium strongest weak strong intelligen* effort answer "
     "answers answering respond please kindly breath level phd quick* fast concise* einfach* "
     "leicht* schwer* schwierig* komplex* kompliziert* trivial* schritt* denk* sorgfalt* "
     "grundlich* wichtig* dringend* bitte facile* difficile* complexe* complique* simple* "
     "etape* reflechi* soigneus* urgent* merci* facil* dificil* complej* sencill* paso pasos "
     "piensa cuidados* favor semplic* compless* passo passi attent* prego latw* trudn* "
     "skomplikowan* prost* krok* pomysl* ostroznie prosze makkelijk* moeilijk* eenvoudig* "
     "ingewikkeld* stap* zorgvuldig* alstublieft analy* evaluat* consider* comprehensiv* "
     "detail* depth rigorous* exhaustive* elaborate* precise* accura* justif* nuance* "
     "multistep frontier ausfuhrlich* analys* umfassend* detaill* approfond* detallad* "
     "dettagl* szczegolow* uitgebreid* grundig* strateg* plan planning"},
    {GW_CUE_FILL,
     "a an the this that these those it its is are was be been being i you me my your we our "
     "us very really extremely super quite rather so too just only not no yes and or but for "
     "to of in on by with as at from before will would should can could do does did have has "
     "need needs needed require requires required want let lets take make sure use using give "
     "here there question questions task tasks problem problems request requests prompt "
     "prompts query one follows following now about all any more most highest high low lowest "
     "ever what how consider treat mark rate classify score label it'll ok okay hello hi ist "
     "das ein eine der die dies diese sehr frage aufgabe ich und mir fur es du sie nach c est "
     "ce cette une un le la les tres question tache pour moi et vous par es esta este un una "
     "muy pregunta tarea por y la el questo questa molto domanda e compito per favore di to "
     "jest bardzo pytanie zadanie i po dit een heel erg vraag taak het zeer full whole entire "
     "everything nothing else into then first second third when such well like aspects aspect "
     "every each perspective* angle angles requiring out through over it's don't doesn't lot "
     "effort best worst kind sort way"},
    {GW_CUE_GREET,
     "hi hello hey thanks thank bye goodbye morning evening cheers welcome hallo moin servus "
     "danke* "
     "tschuss guten bonjour salut bonsoir merci coucou hola gracias buenos buenas adios ciao "
     "grazie buongiorno buonasera czesc dzien hej dziekuj* dzieki witaj* dobry goedemorgen "
     "goedendag bedankt dank dag joke witz blague chiste barzelletta zart grap"},
    {GW_CUE_FACT,
     "what who whom when where which whose wer was wann wo welche* wen qui quand quel* ou que "
     "quien* cuando donde cual* chi che dove quando quale quali cosa kto co kiedy gdzie jaki* "
     "ktor* wat wie wanneer waar welk* capital hauptstadt capitale stolica hoofdstad"},
    {GW_CUE_HOW,
     "how why wie warum wieso weshalb comment pourquoi como porque come perche jak dlaczego "
     "czemu hoe waarom"},
    {GW_CUE_TRANSLATE,
     "translat* ubersetz* tradui* traduc* traduz* traduci* tradurre tlumacz* przetlumacz* vertaal* "
     "vertal*"},
    {GW_CUE_SUMMARISE,
     "summar* tldr condense shorten recap zusammenfass* fasse fass kurz* resum* synthetis* "
     "riassum* sintetizz* stresc* podsumuj* streszczenie samenvat* vat"},
    {GW_CUE_EXTRACT,
     "extract* parse retrieve extrahier* extrai* repere* extrae* estrai* wyodrebn* wyciagn* "
     "wypisz json csv names emails dates email mails adresses addresses phone telefonnummer* "
     "numbers nummern daten adressen noms montants nombres fechas correos nomi date nazwisk* "
     "adres* numery namen keywords entities entitat*"},
    {GW_CUE_CLASSIFY,
     "classif* categori* label* sentiment tag spam klassifizier* ordne einordn* stimmung classe* "
     "clasific* etiquet* sentimiento classific* sentimento sklasyfik* kategori* sentyment "
     "classificeer deel positive negative neutral positiv negativ"},
    {GW_CUE_REWRITE,
     "rewrite* rephras* paraphras* proofread* correct fix grammar spelling polite formal "
     "friendlier "
     "tone reword* umschreib* umformulier* formulier* korrigier* rechtschreib* hoflich* reformul* "
     "corrig* orthograph* poli reescrib* corrige* ortograf* riscriv* corregg* popraw* przepisz "
     "przeredag* herschrijf verbeter spelfout*"},
    {GW_CUE_WRITE,
     "write draft compose email letter poem story haiku slogan* caption* tweet blog headline* "
     "birthday invitation* schreib* verfass* entwurf* gedicht* geschichte brief mail einladung* "
     "ecris* ecrire redige* poeme lettre courriel escrib* redacta* poema carta correo historia "
     "scriv* lettera poesia napisz* wiersz* list maila zaproszenie schrijf* gedicht brief"},
    {GW_CUE_LIST,
     "list name give mention show tell suggest recommend ideas tips example examples nenn* "
     "liste* zahl* gib zeig* sag vorschlag* beispiel* donne* cite* nomme* montre* idees "
     "exemple* dame enumera menciona lista ejemplo* elenca dammi suggerisci esempi* podaj "
     "wymien pokaz przyklad* noem geef toon voorbeeld* find identify finde suche trouv* "
     "encuentra* trova* znajdz vind haal pull recomienda* consiglia* empfiehl* empfehl* polec* "
     "aanraden zoek"},
    {GW_CUE_EXPLAIN,
     "explain define definition mean means meaning describe synonym* antonym* difference opposite "
     "spell pronounce erklar* definier* bedeut* beschreib* unterschied expliqu* defini* signifi* "
     "decri* explica* significa* describe* spiega* definisci wyjasnij znaczy zdefiniuj opisz "
     "oznacza leg uitleg betekent"},
    {GW_CUE_CODE,
     "code coding function python javascript typescript java rust golang sql regex bash html "
     "css script program programm* class method loop array string api variable git compile* "
     "algorithm* json yaml docker query funktion* skript fonction* funcion* codigo funzione "
     "codice funkcj* kod skrypt functie assert def return import react kubernetes postgres* "
     "implementation implement queue struct pointer test tests unit module library package "
     "endpoint parser recursion recursive"},
    {GW_CUE_MATHS,
     "calculat* compute solve equation* integral* integrate derivative* matrix matrices "
     "polynomial* probability percent* average sum product quotient triangle circle radius "
     "angle prime divisible integer* fraction* geometry algebra* rechn* berechn* losung "
     "gleichung* wahrscheinlichkeit* calcul* equation* probabilit* resuelve ecuacion* calcola* "
     "risolv* oblicz* rozwiaz* rownani* bereken* vergelijking* sqrt cos sin log eigenvalue*"},
    {GW_CUE_PROOF,
     "prove proof proofs proving theorem* lemma* corollary derive derivation disprove "
     "counterexample* induction contradiction converge* bijection isomorph* irrational* "
     "beweis* herleit* widerleg* demontr* theoreme* demuestr* demostr* teorema* dimostr* "
     "udowod* dowod* twierdzen* bewijs* stelling* axiom* nphard np irrationa* irracional* "
     "irrazional* bewijz* dowied* wykaz* differentiab* differenzierbar* derivable* continuous* "
     "homomorph* homeomorph* injective surjective bijective eigenvalue* eigenvektor* monotoni* "
     "asymptot* modulo"},
    {GW_CUE_REASON,
     "analy* evaluat* assess* compare comparison tradeoff* justif* argue* critique* criticis* "
     "criticiz* strateg* implication* scenario* hypothes* rationale* weigh consequence* root "
     "optimi* plan planning roadmap forecast* negotiat* bewert* beurteil* vergleich* abwag* "
     "strategi* begrund* folgen szenari* optimier* evalu* analis* compar* arbitrag* analiz* "
     "evalua* valuta* confront* przeanaliz* ocen* porown* uzasadn* zaplanuj optymaliz* "
     "beoordeel* vergelijk analyseer onderbouw* puzzle riddle deduc* infer* prioriti* "
     "priorisier* reconstruct* rekonstruier* determine* conclude* objection* methodolog* "
     "assumption* sensitiv* milestone* generali* verallgemein* veralgemeen* uogoln* choix "
     "decision* entscheidung* wybor oplossing* ursache* causes cause przyczyn* oorza* causa* "
     "begrunde* uzasadnij nachweis* nachweisbar* reconstit*"},
    {GW_CUE_DESIGN,
     "architect* design distributed scalab* concurren* consisten* faulttolerant idempoten* "
     "migrat* kernel compiler protocol* schema throughput latency sharding replicat* consensus "
     "raft microservice* multitenant failover lockfree threadsafe cache* backpressure "
     "refactor* implement implementation infrastructure entwirf entwerf* architektur* "
     "verteilte* skalier* concois concev* conception architecture* repartie* disena* "
     "arquitectura* distribuid* progett* architettur* zaprojektuj* rozproszon* ontwerp* "
     "gedistribueerd* scheduler allocator transaction* zerodowntime optimizer lock locks "
     "mutex* thread threads atomic* queue invariant* shard* partition* coherent* koharen* "
     "outage downtime rollback rollout hilos watk* garbage pointer* aliasing latenz durchsatz "
     "datenbank* database* servidor* bezblokad* pamiec* wyscig* verrou* cerrojo*"},
    {GW_CUE_DEBUG,
     "debug* deadlock* race segfault* segmentation crash* stacktrace traceback flaky bottleneck* "
     "leak leaks leaking corrupt* undefined heisenbug intermittent* nondetermin* regression* "
     "timeout* hang hangs fails failing failure exception* overflow* verklemm* absturz* absturz* "
     "speicherleck* fehlersuche* fehlschlag* debogu* plantage* fuite* interblocage* depur* "
     "fallo falla bloqueo* fuga blocca* errore* zakleszcz* wyciek* awari* zawiesza* profil*"},
    {GW_CUE_AGENT,
     "tool tools browse repository repo codebase commit deploy pull request tests terminal "
     "shell autonomous* execute orchestrat* workflow* iterate website files directory rollback "
     "pipeline ci werkzeug* repositor* ausfuhr* bereitstell* depot outils deploi* execute* "
     "herramient* despleg* repositorio esegui strument* narzedzi* repozytori* wdroz* uruchom* "
     "gereedschap* uitvoer* staging production clone branch merge install run runs click login "
     "book sheet fill search email sends send schedule monitor watch agent agents"},
    {GW_CUE_LEGAL,
     "law laws legal* lawsuit* liab* contract* clause* statut* court* plaintiff defendant tort "
     "gdpr dsgvo rgpd rodo regulat* complian* jurisdiction* tenant* landlord dismiss* "
     "terminat* negligen* breach* indemn* patent* copyright* visa custody recht* haft* "
     "vertrag* kundig* gesetz* klage* abmahn* mieter* schadensersatz juridi* contrat* licenci* "
     "responsabilit* tribunal* loi droit ley demanda* despid* contratt* legge licenziament* "
     "avvocat* praw* umow* wypowiedzen* odpowiedzialno* sad pozew contract ontslag* wet "
     "aansprakelijk* rights rechte droits derechos diritti prawo prawa rechten employer "
     "arbeitgeber employeur empleador* datore pracodawc* werkgever* lawyer* anwalt* avocat* "
     "abogad* prawnik* advocaat fired dismissed eviction evict* divorce* inherit* erb* "
     "heritage herencia eredita spadek clausul* klausul* clausola clausola* vermieter* "
     "proprietaire locataire huurder* verhuurder* arbitration arbitrage arbitraj* noncompete "
     "konkurrenz* widerruf* frist fristen delai* plazo* termin terminy mitbestimm* "
     "betriebsrat* works council gewerkschaft* union* testament* heir* mediation* notar* "
     "notaire* agreement* nda disclosure* confidentialit* vereinbarung* vertraulich* acuerdo* "
     "accordo poufnosc* geheimhoud*"},
    {GW_CUE_MEDICAL,
     "medic* patient* diagnos* symptom* dose* dosage* mg drug* treat treatment* therap* "
     "clinical disease* cancer* pregnan* surg* blood pressure pain chest fever overdos* "
     "warfarin ibuprofen insulin antibiotic* renal hepatic cardiac arzt* medikament* "
     "nebenwirk* schwanger* blutdruck krank* behandl* schmerz* fieber medicament* medecin* "
     "grossesse douleur* maladie* traitement* paciente* dosis embaraz* dolor enfermedad* "
     "tratamiento* farmac* dolore* malattia gravidanza lek leki lekow pacjent* ciaz* bol dawk* "
     "objaw* chorob* lecze* medicijn* zwanger* patient pijn antibioti* wechselwirk* arznei* "
     "tablet* diabet* headache* kopfschmerz* vomit* erbrech* vomissement* nausea ubelkeit "
     "stroke heart herz* coeur corazon cuore serce hart lung* kidney* leber liver asthma* "
     "allerg* vaccin* impf* szczep* infect* infekt* bleeding blut* sang* sangre krew hospital* "
     "krankenhaus* nurse pflege* doctor arzte medico medecins lekarz* dokter* anticoagula* "
     "hypert* cholesterol depress* suicid* seizure* epilep* tumor* tumour* chemo* lithium "
     "statin* opioid* paracetamol aspirin*"},
    {GW_CUE_FINANCE,
     "tax* invest* portfolio* mortgage* loan* hedg* deriv* valuation* npv irr dcf cash flow "
     "amortiz* depreciat* balance equity pension* steuer* anlage* hypothek* kredit* rente "
     "bilanz* impot* placement* emprunt* retraite* impuest* inversion* hipoteca* tasse "
     "investiment* mutuo podat* inwestycj* kredyt* emerytur* belasting* hypotheek* budget* "
     "acquisition* ebitda revenue merger* inflation interest bond bonds options ifrs gaap "
     "invoice* vat umsatzsteuer mehrwertsteuer tva iva insolven* savings retirement fund funds "
     "stock stocks shares etf sparen ersparnis* epargne ahorro* risparmi* oszczednosc* "
     "spaargeld crypto"},
    {GW_CUE_SAFETY,
     "security vulnerab* exploit* threat* attack* malware encrypt* cryptograph* authenticat* "
     "incident* risk* safety hazard* emergency evacuat* audit* forensic* breach* sicherheit* "
     "schwachstell* angriff* bedrohung* risik* notfall* securite vulnerabilit* menace* "
     "attaque* risque* urgence seguridad amenaza* riesgo* ataque* sicurezza minacc* rischi* "
     "bezpieczenst* zagrozen* ryzyk* atak* veiligheid* dreiging* risico* penetration cve "
     "privilege* injection ransomware phishing zeroday rca sandbox* escalation* bypass "
     "kompromittier*"},
    {GW_CUE_CONSTRAINT,
     "must exactly least without except ensure constraint* satisf* guarantee* subject "
     "whenever cannot forbidden mandatory limit* minimi* maximi* within given assum* respecting "
     "mussen muss darf genau mindestens hochstens ohne nebenbeding* bedingung* sicherstell* "
     "doit doivent exactement moins sans garanti* contraint* debe deben exactamente menos sin "
     "restriccion* garanti* deve devono esattamente almeno senza vincol* musi musza dokladnie "
     "najmniej najwyzej bez ogranicz* moet moeten precies minstens zonder beperking*"},
    {GW_CUE_MULTI,
     "first second third then next afterwards finally also additionally furthermore each both "
     "while subsequently zuerst dann danach schliesslich ausserdem jeweils sowohl ensuite puis "
     "enfin egalement chaque primero luego despues finalmente ademas cada prima poi infine inoltre "
     "ogni najpierw potem nastepnie wreszcie oraz kazd* eerst daarna vervolgens tenslotte tevens"},
    {GW_CUE_LOGIC,
     "if unless implies therefore thus either neither every true false valid invalid argument "
     "premise* conclu* statement* wenn falls sofern folglich entweder weder wahr falsch si donc "
     "soit ni vrai faux entonces sino verdadero falso se allora vero jesli wiec albo prawda falsz "
     "als dus waar onwaar"},
    {GW_CUE_QUANT,
     "many much total remaining left more less than twice half times per altogether rest "
     "wieviel* insgesamt ubrig mehr weniger doppelt halfte combien reste plus moins double moitie "
     "cuanto* cuanta* total mas doble mitad quanto quanti quante resto piu meno doppio meta ile "
     "razem wiecej mniej dwa polow* hoeveel totaal meer minder dubbel helft"},
    {GW_CUE_NOT,
     "not never none nothing incorrect false except least nicht nie kein* pas jamais aucun* no "
     "nunca ningun* non mai nessun* nie nigdy zaden niet nooit geen"},
    {GW_CUE_SCIENCE,
     "quantum molecul* enzyme* thermodynam* entropy electron* reaction* equilibrium oxid* "
     "wavelength velocity accelerat* momentum voltage current resistance gene genes genetic* "
     "protein* neural tensor differential topolog* manifold eigen* bayes* stochastic posterior "
     "likelihood regression* econometric* quanten* molekul* thermodynamik quantique* cuantic*"},
    {GW_CUE_COUNT, NULL},
};
