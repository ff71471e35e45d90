/* hints_life.c - words that hint at orientation, origin, genes, biometrics, crime. Pure data.
 *
 * Read by hints.c, which says how a word is written here. A hint is no finding: statement.c judges
 * the sentence that it stands in. English, German, French, Spanish, Italian, Portuguese, Dutch,
 * Polish, Czech and Slovak, Romanian, Swedish, Danish and Norwegian, Finnish, Hungarian.
 */
#include "policy/hints.h"

const struct pol_hint_words pol_hints_life[] = {
    {POL_SPECIAL_ORIENTATION,
     "gays|lesbian*|bisexual*|bi-curious|pansexual*|homosexual*|queer|same sex|his husband|his "
     "boyfriend|her wife|her girlfriend|trans woman|trans man|trans "
     "person|transgender*|transsexual*|transitioning|gender transition|gender reassignment|sex "
     "change|sex reassignment|came out|coming out|come out as|outed|closeted|pride march|pride "
     "parade|gay bar|grindr|drag queen|hiv prep|sexual orientation|sexual preference|sex "
     "life|affair with|extramarital|sex worker|escort agency|swinger*|civil partner|his male "
     "partner|her female partner|attracted to men|attracted to women|dates men|dates women|likes "
     "men|likes women|into men|into "
     "women|lgbt*|schwul*|lesb*|homosexuell*|bisexuell*|pansexuell*|asexuell*|transsexuell*"},
    {POL_SPECIAL_ORIENTATION,
     "transfrau*|transmann*|trans-frau*|trans-mann*|geschlechtsangleich*|geschlechtsumwandl*|"
     "coming-out|geoutet|outete|outing|gleichgeschlechtlich*|eingetragene* "
     "lebenspartner*|verpartnert*|seinem mann|seinem ehemann|seinem freund|seinem "
     "lebensgefährten|sein mann|sein ehemann|sein freund|sein partner|ihre frau|ihrer frau|ihrer "
     "ehefrau|ihrer freundin|ihrer lebensgefährtin|ihre partnerin|ihrer partnerin|auf männer|auf "
     "frauen|christopher street|csd|sexuelle orientierung|sexuellen "
     "orientierung|sexualleben|sexleben|prostituiert*|homosexuel*|homo|gay|lesbienne*|lesbien*|"
     "bisexuel*|pansexuel*|asexuel*|transgenre*|transsexuel*|femme trans|homme trans|personne "
     "trans|transition de genre|changement de sexe|son homosexualité|sa "
     "bisexualité|homosexualité|même sexe|son mari|son compagnon|sa compagne|sa femme"},
    {POL_SPECIAL_ORIENTATION,
     "son épouse|pacsé avec|pacsée avec|attiré par les hommes|attirée par les femmes|aime les "
     "hommes|aime les femmes|marche des fiertés|orientation sexuelle|vie "
     "sexuelle|libertin*|prostitu*|omosessual*|lesbic*|bisessual*|pansessual*|asessual*|"
     "transgender|transessual*|donna trans|uomo trans|persona trans|transizione di genere|cambio "
     "di sesso|omosessualità|stesso sesso|suo marito|suo compagno|sua moglie|sua compagna|unito "
     "civilmente|unita civilmente|unione civile|attratto dagli uomini|attratta dalle donne|gli "
     "piacciono gli uomini|le piacciono le donne|orientamento sessuale|vita "
     "sessuale|scambist*|asexual*|transgénero|transexual*|mujer trans|hombre trans|transición de "
     "género|cambio de sexo|salir del armario|salió del armario|salido del "
     "armario|homosexualidad|mismo sexo|su marido|su novio|su mujer|su novia|su esposa|le gustan "
     "los hombres|le gustan las mujeres|atraíd* por los hombres"},
    {POL_SPECIAL_ORIENTATION,
     "atraída por las mujeres|desfile del orgullo|orgullo gay|orientación sexual|vida "
     "sexual|homossexua*|lésbic*|bissexua*|pansexua*|assexua*|transexua*|mulher trans|homem "
     "trans|pessoa trans|transição de género|mudança de sexo|sair do armário|saiu do "
     "armário|assumiu-se|assumiu a sua|homossexualidade|mesmo sexo|o marido dele|o namorado dele|a "
     "mulher dela|a namorada dela|a esposa dela|gosta de homens|gosta de mulheres|marcha do "
     "orgulho|orientação "
     "sexual|homoseksu*|homofiel|homo's|lesbisch*|lesbienne|biseksu*|panseksu*|aseksu*|transseksu*|"
     "transvrouw*|transman*|trans vrouw|geslachtsverander*|in transitie|uit de kast|zelfde "
     "geslacht|hetzelfde geslacht|zijn man|zijn echtgenoot|zijn vriend|haar vrouw|haar "
     "echtgenote|haar vriendin|valt op mannen|valt op vrouwen|op mannen|op vrouwen|seksuele "
     "geaardheid|seksuele voorkeur"},
    {POL_SPECIAL_ORIENTATION,
     "seksuele "
     "oriëntatie|seksleven|geaardheid|homoseksual*|gej|geje*|gejow*|lesbijk*|lesbijsk*|biseksual*|"
     "panseksual*|aseksual*|transpłciow*|transseksual*|trans*kobiet*|korekt* płci|tranzycj*|zmian* "
     "płci|wyoutow*|tej samej płci|jego mąż|jego partner|swoim mężem|swoim chłopakiem|swoim "
     "partnerem|jej żona|jej partnerka|swoją żoną|swoją dziewczyną|swoją partnerką|z "
     "mężczyznami|woli mężczyzn|woli kobiety|parad* równości|marszu równości|życie seksualne|życia "
     "seksualnego|życiu "
     "intymnym|prostytu*|gayem|homosexu*|homosexuál*|bisexu*|pansexu*|asexu*|transsexu*|trans "
     "žena|trans muž|změn* pohlaví|tranzic*|vyoutov*|stejného pohlaví|rovnakého "
     "pohlavia|registrované* partnerství|registrovan* partner*|svým přítelem|svým partnerem|svým "
     "manželem|svou přítelkyní|svou partnerkou"},
    {POL_SPECIAL_ORIENTATION,
     "svou manželkou|na muže|na ženy|na chlapy|orientáci*|sexuální život|pochodu pride|prague "
     "pride|lesbi*|femeie trans|bărbat trans|persoană trans|schimbare de sex|tranziție de "
     "gen|ieșit din dulap|același sex|soțul lui|iubitul lui|prietenul lui|partenerul lui|soția "
     "ei|iubita ei|prietena ei|partenera ei|îi plac bărbații|îi plac femeile|marșul "
     "pride|bucharest pride|orientarea sexuală|orientare sexuală|viața "
     "sexuală|homofil*|bög|bøsse|bøg|homse|lesbisk*|lebb*|transkønn*|transkjønn*|transkvinn*|"
     "transkvinde*|transmand*|transperson*|könskorrig*|könsbyte*|kønsskifte*|kjønnsskifte*|kom "
     "ut*|kommit ut|komma ut*|sprang ud|sprunget ud|stå frem|sto frem|stod frem|samma kön|samme "
     "køn|samme kjønn|sin man"},
    {POL_SPECIAL_ORIENTATION,
     "sin pojkvän|sin mand|sin kæreste|sin ektemann|sin kjæreste|sin fru|sin flickvän|sin "
     "hustru|sin kone|registreret partnerskab|tiltrukket af mænd|tänder på|sexuella "
     "läggning*|sexuell läggning|seksuel orientering|seksuelle orientering*|seksuell "
     "legning|läggning|sexliv*|sexköp|homomies*|lesbo*|transsuku*|transnai*|transmie*|"
     "sukupuolenkorj*|sukupuolenvaihd*|tuli ulos kaapista|kaapista|samaa "
     "sukupuolta|miesystäv*|aviomiehens*|naisystäv*|vaimonsa|seksuaali*|suuntautumi*|meleg|"
     "melegként|homoszexu*|leszbi*|biszexu*|transznem*|transznő|transzférfi|transzszexu*|nemváltó*|"
     "nemátalakít*|előbújt*|felvállalt*|azonos nemű|férjével|a barátjával|a feleségével|a "
     "barátnőjével|férfiakhoz|nőkhöz|vonzód*|szexuális*|orientáció*|his same-sex"},
    {POL_SPECIAL_ORIENTATION,
     "orientacj* seksualn*|orientacj* homo*|orientacj* bi*|sexuální orientac*|sexuálnu "
     "orientác*|gay pride|pride-parad*|is bi|i'm bi|he's bi|she's bi|was bi|ist bi|bi ist|bin "
     "bi|est bi|était bi|es bi|soy bi|é bi|è bi|e bi|sunt bi|hij bi|is bi en|bi is|jest bi|jestem "
     "bi|je bi|jsem bi|är bi|er bi|bi vagyok|two blokes|two women in|two mums|two dads|two "
     "mothers|two fathers|zwei mütter|zwei väter|zwei mamas|zwei papas|deux mamans|deux papas|deux "
     "mères|deux pères|due mamme|due papà|dos madres|dos mamás|dos padres gay|duas mães|dois "
     "pais|twee moeders|twee mama's|twee vaders|dwie mamy|dwie matki|dwóch ojców"},
    {POL_SPECIAL_ORIENTATION,
     "dvě mámy|dvě matky|två mammor|två pappor|to mødre|to fædre|două mame|doi tați|két anya|két "
     "apa|for a man|for another man|for a woman|für einen mann|für eine frau verlassen|pour un "
     "mec|pour un homme|pour une femme|per un uomo|por un hombre|por un tío|por um homem|voor een "
     "man|voor een vrouw|dla faceta|dla mężczyzny|kvůli chlapovi|kvůli muži|för en kille|for en "
     "fyr|for en mann|pentru un bărbat|egy pasiért|egy férfiért|sta con un ragazzo|sta con una "
     "ragazza|mit einem mann zusammen|mit einer frau zusammen|avec un homme|avec une femme|avec un "
     "garçon|con un hombre|con un chico|con una chica|com um homem|com uma mulher|com um rapaz|met "
     "een man|met een vrouw|met een jongen|z facetem|z mężczyzną|z kobietą|z chłopakiem|z "
     "dziewczyną|mym chłopakiem|moim chłopakiem|moją dziewczyną|moją żoną|s chlapem"},
    {POL_SPECIAL_ORIENTATION,
     "s klukem|s holkou|moje holka|můj přítel|med en kille|med en man|med en mand|med en fyr|cu un "
     "bărbat|cu o femeie|cu un băiat|egy férfival|egy nővel|likes boys|likes girls|likes guys|mag "
     "jungs|steht auf männer|steht auf frauen|steht auf jungs|aime les garçons|aime les filles|le "
     "gustan los chicos|le gustan las chicas|gosta de rapazes|gosta de raparigas|valt op|woli "
     "chłopców|woli facetów|je na holky|je na kluky|gillar killar|gillar tjejer|til mænd|til "
     "mandfolk|til drenge|til piger|îi plac băieții|plac băieții|plac fetele|fiúkat szereti|a "
     "fiúkhoz|a lányokhoz|a férfiakhoz|in transition|is transitioning|en transition|in "
     "transizione|en transición|em transição|w trakcie tranzycji|v "
     "tranzici|könsbekräftande*|kønsbekræftende*|în tranziție|nemváltás*|identity "
     "as|deadname*|pronouns|not out"},
    {POL_SPECIAL_ORIENTATION,
     "wasn't out|out at work|niet uit de kast|ma femme et moi|partner of the "
     "same|pacsés|pacsées|pacsé|pacsée|pedé|pédé|maricón|marica*|bollera|frocio|finocchio|"
     "paneleiro*|fufa|pedał*|pedal*|buzi*|buzna|buzerant*|teplouš*|poponar|flikker|pot "
     "en|mietje|kampflesbe|schwuchtel|tunte|faggot|dyke|poof|romeo|regenboog*|gay "
     "chorus|gay-|gayclub*|gayklub*|gaybar*|homobar*|bøssebar*|bøsse*|melegbár*|meleg*|club "
     "gay|bar gay|locale gay|klub gejowsk*|klubem gejowsk*|gay "
     "klub*|schwulenclub*|schwulenbar*|homokroeg|gay couple|gay men|hans man|hans mand|hennes fru"},
    {POL_SPECIAL_ORIENTATION,
     "hendes kone|hennes kone|její žena|její manželka|jeho manžel|jeho přítel|a férjével"},
    {POL_SPECIAL_ETHNIC,
     "romani|gypsy|gypsies|traveller|travellers|traveler community|irish "
     "traveller*|sinti|kurd*|jewish descent|of jewish*|jewish origin|african "
     "descent|african-american|african american|afro-caribbean|black british|british asian|black "
     "woman|black man|black person|person of colour|person of color|mixed "
     "race|mixed-race|biracial|hispanic|latino|latina|asian descent|south asian|arab|arab "
     "descent|berber|tamil|uyghur*|tatar*|sami|inuit|maori|aboriginal|native "
     "american|indigenous|armenian*|ethnic|ethnically|ethnicity|ethnic minority|ethnic "
     "background|racial*|skin colour|skin color|of turkish*|of kurdish*|of nigerian*|of "
     "moroccan*|of algerian*|of pakistani*|of indian*|of chinese*"},
    {POL_SPECIAL_ETHNIC,
     "of vietnamese*|of syrian*|of ghanaian*|of somali*|of african*|of asian*|of mixed*|of "
     "roma*|descent|ancestry|parents came from|grandparents "
     "were|sinto|sintiza|sintezza|roma*|romni|zigeuner*|kurdisch*|türkischstämmig*|türkischer "
     "abstammung|türkische* wurzeln|arabischstämmig*|afrodeutsch*|schwarzer|schwarze "
     "deutsche|dunkelhäutig*|farbig*|jüdischer abstammung|jüdische* "
     "herkunft|jenisch*|sorb*|sorbin|sorbe|dänische "
     "minderheit|abstammung|stämmig*|-stämmig*|migrationshintergrund|ethnisch*|ethnie|hautfarbe|"
     "volksgruppe*|minderheit|eltern stammen "
     "aus|russlanddeutsch*|spätaussiedler*|afrikanisch*|arabisch*|vietnamesischer "
     "herkunft|roms|rrom|romanichel*|gitan*|manouche*|tsigane*|tzigane*|gens du "
     "voyage|kurde*|kabyle*"},
    {POL_SPECIAL_ETHNIC,
     "berbère*|arabe*|maghrébin*|d'origine*|origines|afro*|antillais*|métis*|métisse*|peau "
     "noire|couleur de "
     "peau|asiatique*|arménien*|peul*|touareg*|séfarade*|ashkénaze*|ethnique*|appartenance "
     "ethnique|ascendance|ancêtres|parents viennent de|issu de l'immigration|issue de "
     "l'immigration|sinta|zingar*|curd*|arab*|africano|africana|di "
     "colore|meticci*|mulatt*|asiatic*|origin* etnic*|origini*|di origini*|di "
     "origine*|etnia*|colore della "
     "pelle|carnagione|discendenza*|ladin*|minoranza*|slovena|cinese*|marocchin*|senegales*|"
     "nigerian*|albanes*|romen*|romaní|calé|árabe*|magreb*|bereber*|amazigh|afrodescend*|mulat*|"
     "mestiz*"},
    {POL_SPECIAL_ETHNIC,
     "indígena*|quechua*|aimara*|mapuche*|de origen*|color de "
     "piel|ascendencia*|descendiente*|minoría*|asiátic*|cigan*|magrebin*|berbere*|mestiç*|indígen*|"
     "pardo|parda|de origem*|cor da "
     "pele|ascendência*|descendente*|raízes|minoria*|cabo-verdian*|quilombol*|koerd*|turkse*|"
     "marokkaans*|surinaams*|antilliaans*|moluks*|afkomst|van*afkomst|afstamming|wortels|"
     "migratieachtergrond|huidskleur|gekleurd*|halfbloed|indisch*|joodse "
     "afkomst|etnisch*|etniciteit|bevolkingsgroep|woonwagen*|berber*|romk*|romsk*|romów|romem|"
     "cygan*|łemk*|łemkow*|karaim*|ślązak*|ślązacz*|śląsk* narodow*|kaszub*|żydowsk* "
     "pochodz*|pochodzeni*"},
    {POL_SPECIAL_ETHNIC,
     "pochodz* z rodziny|narodowoś*|mniejszoś*|etniczn*|czarnoskór*|ciemnoskór*|kolor* "
     "skóry|rasy|rasow*|azjat*|afrykań*|ukraińsk*|białorusk*|wietnamsk*|ormia*|romov*|cikán*|cigán*"
     "|židovského*|vietnamsk*|ukrajinsk*|původ*|pôvod*|kořen*|národnost*|menšin*|etnick*|etnik*|"
     "tmav* pleti|černoš*|černoch|barv* pleti|barv* kůže|ras*|moravsk*|slezsk*|maďarsk* "
     "národ*|rusín*|rromă|romă|rrom*|romi|țigan*|etnie|maghiar*|secui*|evreiesc*|evreiască|tătar*|"
     "lipovean*|origini|rădăcini|naționalit*|minorit*|de culoare|negru|culoarea "
     "pielii|aromân*|ucrainean*|romer"},
    {POL_SPECIAL_ETHNIC,
     "romani*|resande*|rejsende|reisende|tater*|zigenar*|sigøjner*|sigøyner*|samer|samisk*|saami|"
     "tornedal*|kven|kvensk*|judisk "
     "härkomst|jødisk*|härkomst|herkomst|afstamning|avstamming|ursprung|baggrund|bakgrunn|bakgrund|"
     "rötter|rødder|røtter|etnisk*|hudfärg*|hudfarve*|hudfarge*|mörkhyad*|mørkhudet*|färgad|"
     "grønlandsk*|grønlænder*|inuit*|somalisk*|arabisk*|tyrkisk*|turkisk*|pakistansk*|minoritet*|"
     "mindretal*|romanei*|saamelai*|kurdi*|somali*|juutalais*|syntyperä*|alkuperä*|ihonvär*|"
     "tummaihoi*|vähemmistö*|juuret|taustai*|inkerin*|venäläistaust*|arabi*|turkkilais*"},
    {POL_SPECIAL_ETHNIC,
     "cigány*|oláh*|beás|zsidó "
     "szárm*|származás*|származású|származik|nemzetiség*|kisebbség*|bőrszín*|fekete*|sváb*|afrikai*"
     "|félvér*|gyökerei*|de etnia*|di etnia|etnia gitana|etnia "
     "rom*|etnii|ethnic*|etnice|étnica|étnico|of * origin|of * descent|of * heritage|di "
     "origin*|van * afkomst|pochodzenia*|původu|pôvodu|de origine*|is roma|a roma|romani "
     "people|jest romem|romką|romka|er roma|ist roma|est rom|est rrom|soy gitano|soy gitana|half "
     "nigerian|half turkish|half jewish|halb*türke|of colour|of color|is black|as a black|ist "
     "schwarz|est noir|est noire|è nero|è nera|es negro|es negra"},
    {POL_SPECIAL_ETHNIC,
     "é negro|é negra|er sort|är svart|is zwart|zwarte|is indigenous|is sami|är same|er same|on "
     "saamelai*|skin|skóry|armeni*|arméni*|armén*|örmén*|ormian*|nigeri*|nigéri*|vietnam*|wietnam*|"
     "vietnám*|indian|indien*|indisk*|inderin|indická*|hinduska|pakistan*|paquistan*|pákistán*|"
     "marocain*|marroquí*|marroquin*|marokk*|marokań*|marok*|algeri*|algéri*|argelin*|algerijn*|"
     "tunisi*|tunesi*|tunezyj*|somal*|ghana*|senegal*|sénégal*|eritre*|érythr*|etiop*|ethiop*|"
     "äthiop*|éthiop*|turk*|türk*|turc*|turek|turczyn*"},
    {POL_SPECIAL_ETHNIC,
     "tureck*|tyrk*|török*|syri*|syrer*|syryj*|sirian*|sirio|szír*|afghan*|afgan*|afgán*|persian*|"
     "perser*|irán*|iraq*|irak*|lebanes*|liban*|libanon*|palestin*|palästin*|ukrain*|ukrajin*|"
     "ukrán*|gujarat*|punjab*|bengal*|tamil*|sikh "
     "family|jamaic*|caribbean|antill*|congol*|kongo*|cameroon*|kamerun*|camerun*|angol*|angolan*|"
     "cabo-verd*|kapverd*|philippin*|filipin*|thaïland*|chinese|chines*|chinoise*|chinois|cinesi|"
     "číňan*|čínsk*|chińczy*|chińsk*|kines*|kínai*|japan*|koreaan*|korean*|mongol*"},
    {POL_SPECIAL_ETHNIC,
     "bosni*|bośni*|albani*|kosov*|croat*|kroat*|chorwat*|roumain*|rumän*|rumun*|román*|bulgar*|"
     "maďar*|ungar*|hungarian*|węgier*|węgr*|szekely*|székely*|schwäb* "
     "famil*|lipove*|rusin*|łemki*|łemkini*|lemk*|górol*|sorbisch*|sorbe*|friesisch*|katalan*|"
     "basque|vasco|vasca|sami "
     "people|greenland*|grønl*|eskimo*|färöisk*|färing*|maltes*|cypriot*|kypr*|czarny|czarna|"
     "murzyn*|neger*|negro|negra|noirs|schwarze frau|schwarzer mann|dunkle haut|skin "
     "tone|migrant*|inmigrant*|immigrato|immigrata|uchodźc*|flüchtling*|my people"},
    {POL_SPECIAL_ETHNIC,
     "from the "
     "diaspora|diaspora|pavee|pikey*|bougnoule|kanak*|čmoud*|gadjo|gorja|cygańsk*|sudet*|"
     "siebenbürg*|donauschwab*|aussiedler*|półkrwi|born in|came over from|came from|emigrated "
     "from|kwam uit|kam aus|llegó de|veio de|vennero "
     "da|grandparents|großeltern|grands-parents|abuelos|nonni|avós|grootouders|dziadkow*|prarodič*|"
     "bedsteforæld*|morföräld*|farföräld*|bunici*|nagyszül*|dédi*"},
    {POL_SPECIAL_GENETIC,
     "brca*|brca|genetic*|genome|genomic*|hereditary|chromosom*|karyotype|lynch syndrome|factor v "
     "leiden|huntington gene|apoe*|paternity "
     "test|23andme|ancestrydna|exome|trisomy|gendefekt*|genetisch*|genmut*|gentest*|genanaly*|"
     "genom*|erbgut*|erblich*|erbkrank*|vererb*|anlageträger*|dna-*|dns|vaterschaftstest*|"
     "abstammungsgutachten|trisomie*|gène*|génétique*|génom*|adn|héréditaire*|porteur*|porteuse*|"
     "test de paternité|caryotype|dépistage "
     "génétique|geni|ereditari*|mutazion*|portatore|portatrice|cromosom*|test di "
     "paternità|trisomia|genétic*|hereditari*|mutación*|portador*|prueba de "
     "paternidad|trisomía|hereditári*|mutação*|mutações"},
    {POL_SPECIAL_GENETIC,
     "cromossom*|teste de "
     "paternidade|trissomia|genmutatie*|genoom*|dna*|erfelijk*|mutatie*|draagster|drager "
     "van|dragerschap*|chromoso*|vaderschapstest*|trisomie|genu|genów|genetyczn*|dziedziczn*|"
     "mutacj*|nosiciel*|ojcostwa|trisomi*|kariotyp*|genetick*|dědičn*|nositel*|přenašeč*|chromozom*"
     "|otcovstv*|dedičn*|ereditar*|mutați*|mutația|purtător*|purtătoare*|cromozom*|paternitate|"
     "genet*|genfejl*|arvelig*|ärftlig*|mutasjon*|bärare*|bærer*|anlægsbærer*|kromosom*|"
     "faderskabstest|faderskapstest|farskapstest|geeni*|perinnölli*|perimä*|mutaatio*|kantaja*|"
     "isyystesti*|trisomia*|gén*|gént*|genetik*|dns*"},
    {POL_SPECIAL_GENETIC,
     "örökletes*|öröklött|öröklődő*|mutáció*|hordoz*|kromoszóm*|apasági*|triszómi*|gene "
     "mutation*|gene for|gene test*|carries the*|carrier of*|carrier for|inherited*|mutation in*|a "
     "mutation|mutacji genu|mutację|mutacje|mutaci|mutace|mutație|génétique|le gène|du gène|il "
     "gene|del gene|el gen|del gen|o gene|do gene|het gen|das gen|den gen|genen|genet|ancestry "
     "kit*|ancestry test|half brother|half-brother|half sister|half-sister|half "
     "sibling*|half-sibling*|cm match|cm "
     "shared|homozyg*|homocig*|omozig*|heterozyg*|heterocig*|eterozig*|héterozyg*|isn't my dad|not "
     "my dad|not the father|not the dad|is the father|biological father"},
    {POL_SPECIAL_GENETIC,
     "biological mother|nicht der vater|leiblicher vater|leibliche* "
     "vater|halbschwester*|halbbruder*|halbgeschwister*|père biologique|n'est pas le "
     "père|demi-soeur|demi-sœur|demi-frère|medio hermana|medio hermano|padre biológico|no es el "
     "padre|sorellastra|fratellastro|padre biologico|non è il padre|meia-irmã|meio-irmão|pai "
     "biológico|não é o pai|halfzus*|halfbroer*|biologische vader|niet de vader|przyrodni*|ojciec "
     "biologiczny|nie jest ojcem|ojcostwo|nevlastn*|biologický "
     "otec|otcovství|halvsyst*|halvbror*|halvsysk*|halvsøst*|halvsøsk*|faderskab*|faderskap*|"
     "biologiska pappa|biologisk far|rättsgenetisk*|soră vitregă|frate vitreg|tatăl biologic|nu e "
     "tatăl|féltestvér*|vér szerinti|apaság*|familial|erbanlage*|vererbt*|porteur sain|portatore "
     "sano|portador sano|portadora sana|purtători sănătoși"},
    {POL_SPECIAL_GENETIC,
     "both "
     "carriers|carriers|carrier|overträger*|bärare|överträger|nosič*|nosiči|nosička|nosičk*|"
     "nositelk*|prenatal*|amniocent*|fruchtwasser*|newborn "
     "screening|neugeborenenscreening|genotyp*|génotyp*|fenotyp*|marfan*|ehlers*|fragile x|fragil* "
     "x|duchenne*|tay-sachs|thalass*|talass*|talasem*|msh2|mlh1|f508del|cftr|pkd1|apoe4|tp53|palb2|"
     "gaucher*|myheritage|ancestry|genealog* dna|haplogrup*"},
    {POL_SPECIAL_BIOMETRIC,
     "fingerprint*|face scan|facial scan|facial recognition|face recognition|face id|retinal|palm "
     "print|palm vein|voice print|voiceprint|voice recognition|biometric*|hand "
     "geometry|thumbprint|thumb print|vein "
     "scan|keystroke|fingerabdr*|gesichtserkenn*|gesichtsscan*|gesichtsgeometrie|gesichtsbild*|"
     "netzhautscan|handvenen*|handflächen*|stimmprofil*|stimmabdruck|stimmerkennung|biometri*|"
     "daumenabdruck|empreinte*|reconnaissance faciale|reconnaissance vocale|gabarit*|scan du "
     "visage|rétine|réseau veineux|contour de la main|biométri*|impront*|riconoscimento "
     "facciale|scansione del volto|scansione dell'iride|iride|geometria della "
     "mano|huella*|reconocimiento facial|escáner facial|biométric*|biometr*|plantilla "
     "facial|dactilar*|impress* digit*|reconhecimento facial|íris|leitura facial|digital do "
     "polegar|molde facial|vingerafdruk*"},
    {POL_SPECIAL_BIOMETRIC,
     "gezichtsherkenning|gezichtsscan*|irisscan*|netvlies*|handpalm*|stemafdruk|stemherkenning|"
     "odcisk*|linie papilarne|linii papilarnych|rozpoznawani* twarzy|skan* twarzy|skan* "
     "tęczów*|tęczówk*|siatkówk*|wzorzec głosu|próbk* głosu|geometri* dłoni|żył "
     "dłoni|otisk*|rozpoznáv* obličej*|rozpoznán* obličej*|sken* obličej*|sken* "
     "tváře|duhovk*|sítnic*|dlaně|hlasov* vzor*|odtlačk*|amprent*|recunoaștere "
     "facială|recunoașterea facială|scanare facială|scanarea feței|geometria "
     "feței|palmei|fingeravtryck*|fingeraftryk*|fingeravtrykk*|tumavtryck|ansiktsigenkän*|"
     "ansigtsgenkend*|ansiktsgjenkj*|ansiktsskann*|ansigtsscan*|irisskan*|näthinn*|handflat*|"
     "håndflade*|röstprofil*|røstaftryk|stemmeaftryk|sormenjäl*|kasvontunnist*|kasvojentunnist*|"
     "iiris*|iiristunnist*|silmän iiris*|verkkokalvo*|äänitunnist*"},
    {POL_SPECIAL_BIOMETRIC,
     "kämmenen|ujjlenyomat*|arcfelismer*|arckép*|írisz*|retina*|tenyér*|hangminta*|iris "
     "scan*|iris-scan|iris pattern*|iris template*|retina scan*|retinal scan*|scan de "
     "l'iris|escaneo de iris|escáner de iris|leitura da íris|skan siatkówki|voice sample*|voice "
     "profile|voice-print|gait*|face template*|face "
     "geometry|faces|facial|gesicht|gesichts*|visage|volto|rostro|rosto|gezicht*|twarz*|obličej*|"
     "tvář*|fața|față|facial*|ansigt*|ansikt*|arca*|arcát|arcképm*|match "
     "score|similarity|score|übereinstimmung|trefferquote|treffer|watch "
     "list|watchlist|fahndungsliste|liste noire|lista negra|lista nera|lista "
     "nieagra|enrolled|enrolment"},
    {POL_SPECIAL_BIOMETRIC,
     "hinterlegt|turnstile|drehkreuz|tourniquet|torniquete|tornello|bramk*|turniket*|voice|voix|"
     "stimme|głos*|hlas*|röst*|stemme*|iris|íris*|irisem|irisul|tęczów*|retin*|thumb|my "
     "print|print in|palm|handscann*|hand scan|handscanning|dłoni*|dłoń|tenyere*|patrón "
     "facial|vettore facciale|vetor facial|vector "
     "facial|template|templates|schablone|sablon*|šablon*|skanu|skany|scan|scanned|scanné*|scannat*"
     "|scansion*|gescannt|gescand|skannad*|scannet|naskenov*|zeskanow*|szkennel*|escane*|scanat*|"
     "firma grafometrica|signature dynamics|grafometr*|gait"},
    {POL_SPECIAL_BIOMETRIC,
     "passgang|ganganalyse|keystroke*|tippverhalten|tipprofil|selfie|recognised by|recognized "
     "by|erkannt|genkendt|igenkänd|identified by|ztotožn*|photo "
     "match*|lichtbild*|finger|fingers|dedo|dedos|dito|doigt*|palec|palca|palce|prst*|deget*|duim|"
     "vinger*|tommel*|daumen|pouce|pulgar|pollice|polegar|kciuk*|index finger|zeigefinger|index "
     "droit|index gauche|indice destro|indice sinistro|índice derecho|indicador "
     "direito|wijsvinger*|rechterwijsv*|palec "
     "wskaz*|ukazovák*|pekfinger|pegefinger|arătător*|mutatóujj*|huella "
     "de|captured|erfasst|relevé|acquisito|capturad*|recolhid*|pobrano|sejmut"},
    {POL_SPECIAL_BIOMETRIC,
     "registrerat|registreret|preluat|rögzít*|a voz|my face|mein gesicht|mon visage|mi cara|il mio "
     "volto|a minha cara|mijn gezicht|moja twarz|můj obličej|mitt ansikte|mit ansigt|fața mea|az "
     "arcom"},
    {POL_SPECIAL_CRIMINAL,
     "convict*|conviction*|criminal record|criminal conviction*|criminal past|criminal "
     "history|prison*|jail*|jailed|imprison*|incarcerat*|behind bars|in custody|remand*|released "
     "from prison|did time|served time|serving a*|served two|years for|months for|suspended "
     "sentence|community service|community order|probation|parole|electronic tag|ankle "
     "monitor|sentenced*|guilty|pleaded|pled|found "
     "guilty|acquitted|indict*|arrest*|detained|accused*|suspected*|suspect in|under "
     "investigation|investigated for|prosecut*|court for|fined for|caught shoplifting|caught "
     "stealing|shoplift*|theft|stealing|stole|robbery|burglar*|embezzle*|forgery|money "
     "laundering|tax evasion|perjury|arson|assault*"},
    {POL_SPECIAL_CRIMINAL,
     "gbh|manslaughter|murder*|homicide|rape|raped|sexual assault|sexual offence*|sex "
     "offender*|child abuse|domestic violence|stalking|harassment|drink-driving|drink "
     "driving|drunk driving|dui|dwi|driving under|hit-and-run|drug dealing|drug trafficking|drug "
     "offence*|dealing drugs|smuggl*|blackmail|extortion|kidnap*|hooligan*|restraining "
     "order|offender*|ex-offender|ex-con|felon*|felony|misdemeanor|misdemeanour|young "
     "offender*|dbs check|wanted "
     "by|vorbestraf*|vorstrafe*|verurteil*|straftat*|straftäter*|strafbefehl*|strafregister*|"
     "strafverfahren*|strafanzeige|ermittl*|führungszeugnis*|bundeszentralregister|haft*|"
     "haftstrafe*|inhaftiert*|gefängnis*|justizvollzug*|jva|knast|untersuchungshaft"},
    {POL_SPECIAL_CRIMINAL,
     "u-haft|freigänger*|fußfessel|bewährung*|freiheitsstrafe*|geldstrafe*|jugendstrafe*|"
     "sozialstunden|jugendarrest|angeklagt*|anklage*|beschuldigt*|tatverdächtig*|verdächtig*|"
     "verhaftet*|festgenommen*|überführt*|schuldig*|gestanden|diebstahl*|ladendiebstahl*|gestohlen|"
     "einbruch*|raub*|betrug*|betrüg*|unterschlag*|veruntreu*|untreue|urkundenfälschung|geldwäsche|"
     "steuerhinterzieh*|bestech*|meineid|brandstift*|körperverletz*|totschlag*|mord*|mörder*|"
     "vergewaltig*|sexualdelikt*|sexualstraf*|sexuell* "
     "missbrauch*|missbrauch*|kinderporno*|nötigung|häusliche* gewalt|trunkenheit*|alkohol am "
     "steuer|fahrerflucht|unfallflucht|drogenhandel*|drogenbesitz*|drogendelikt*|dealt*|"
     "betäubungsmittel*|btm*|schmuggel*|erpress*|entführ*"},
    {POL_SPECIAL_CRIMINAL,
     "polizeibekannt*|einschlägig*|aktenkundig|condamn*|casier*|peine de "
     "prison|incarcér*|détenu*|détention*|sursis|bracelet électronique|liberté "
     "conditionnelle|liberté surveillée|contrôle judiciaire|garde à vue|mis en examen|mise en "
     "examen|inculp*|prévenu*|accus*|soupçonn*|arrêté par|interpell*|poursuivi*|enquête "
     "pour|coupable*|travaux d'intérêt*|amende pour|délinqu*|récidivist*|repris de "
     "justice|fiché*|vol à|cambriol*|braquage|escroquer*|détournement*|abus de*|faux et "
     "usage|blanchiment|parjure|incendie volontaire|violences*|coups et "
     "blessures|homicide*|meurtre*|assassinat|viol|agression*|attouchement*|pédo*|harcèlement|"
     "conduite en état*|état d'ivresse|alcool au volant|délit de fuite|trafic "
     "de*|stupéfiants|détention de stup*|contrebande"},
    {POL_SPECIAL_CRIMINAL,
     "chantage|extorsion|enlèvement|condann*|precedent* "
     "penal*|fedina*|casellario*|carcer*|prigion*|galera|detenut*|detenzion*|domiciliari|"
     "semilibertà|libertà vigilata|affidamento in prova|braccialetto "
     "elettronico|indagat*|imputat*|rinviat* a giudizio|processat*|a "
     "processo|patteggi*|pregiudicat*|recidiv*|colpevol*|accusat*|sospettat*|denunciat*|furto*|"
     "furti|rapina*|rubato|scippo|truffa*|frode|peculato|appropriazione indebita|falso "
     "in*|riciclaggio|evasione fiscale|tangent*|falsa testimonianza|incendio "
     "doloso|lesioni*|percosse|aggression*|omicid*|assassin*|violenza sessuale|violenza "
     "domestica|stupr*|molesti*|pedo*|maltrattament*|guida in stato*|stato di ebbrezza|omissione "
     "di soccorso|spaccio*|spacciat*"},
    {POL_SPECIAL_CRIMINAL,
     "stupefacenti|contrabband*|estorsion*|ricatt*|sequestro di "
     "persona|mafi*|conden*|antecedentes*|cárcel|prisión*|preso|presa|encarcel*|penitenciar*|"
     "recluso|reclusa|ex-preso|exconvict*|libertad condicional|libertad provisional|tercer "
     "grado|pulsera telemática|detenid*|deteni*|imputad*|investigad* "
     "por|acusad*|procesad*|juzgad*|encausad*|culpable*|sospech*|denunciad*|querella*|delincuen*|"
     "reinciden*|hurto*|robo*|robó|atrac*|estafa*|malversación|apropiación "
     "indebida|falsific*|blanqueo*|evasión fiscal|soborn*|cohecho|falso "
     "testimonio|perjurio|incendi*|lesiones*|agresión*|agredi*|homicid*|asesin*|violación*|violó|"
     "abuso sexual*|abusos*"},
    {POL_SPECIAL_CRIMINAL,
     "pederast*|acoso*|violencia de género|violencia doméstica|maltrat*|alcoholemia|conducir "
     "ebri*|conducir bajo*|conducción temeraria|fuga tras*|tráfico "
     "de*|narcotráf*|estupefacientes|contraband*|extors*|chantaj*|secuestr*|orden de "
     "alejamiento|registo criminal*|registro "
     "criminal*|cadastro*|cadeia|prisão*|encarcer*|ex-recluso|ex-presidiári*|liberdade "
     "condicional|pena suspensa|pulseira eletrónica|pulseira "
     "electrónica|detid*|detenç*|arguid*|constituíd* "
     "arguid*|processad*|julgad*|culpad*|suspeit*|indiciad*|criminoso|reincid*|furtou|roubo*|"
     "roubou|assalt*|burla*|abuso de confiança|desvio de*|branqueamento*|lavagem de*|evasão "
     "fiscal|suborn*|falso testemunho|fogo "
     "posto|ofensa*|agress*|homicíd*|violação*|violou|estupr*"},
    {POL_SPECIAL_CRIMINAL,
     "pedofil*|assédio|violência doméstica|perseguição|condução sob*|álcool ao "
     "volant*|embriag*|fuga após*|chantag*|sequestr*|cumpre "
     "pena|cumpriu*|veroorde*|strafblad*|justitiële*|strafrechtelijk*|gevangenis*|gevangen*|"
     "celstraf*|gedetineerd*|ex-gedetineerd*|detentie*|voorarrest|hechtenis|taakstraf*|"
     "voorwaardelijk*|enkelband*|reclassering|tbs|verdacht*|verdenking|aangeklaagd*|beschuldigd*|"
     "aangehouden|gearresteerd*|opgepakt*|vervolgd*|bekend bij de politie|vog|geweigerde "
     "vog|dader|recidivist*|diefstal*|winkeldiefstal*|gestolen|inbra*|overval*|berov*|oplicht*|"
     "verduister*|valsheid*|witwas*|belastingontduik*|omkop*|meineed|brandsticht*|mishandel*|"
     "geweldpleg*|doodslag|moord*"},
    {POL_SPECIAL_CRIMINAL,
     "verkracht*|aanrand*|zedendelict*|ontucht|belaging|huiselijk geweld|rijden onder "
     "invloed|dronken "
     "achter*|doorrijden*|drugshandel*|drugsbezit*|dealde*|dealer|smokkel*|afpers*|ontvoer*|skazan*"
     "|karan*|ukaran*|niekaran*|wyrok*|wyrokiem|więzieni*|więzień|więźni*|zakład* "
     "karn*|areszt*|aresztowan*|pozbawienia wolności|w zawieszeniu|zawiasach|dozór "
     "elektron*|dozoru elektron*|prace społeczne|grzywn*|kartotek*|krk|rejestr* "
     "karn*|zaświadczeni* o niekaralności|przeszłość "
     "kryminaln*|kryminaln*|notowan*|recydyw*|przestęps*|przestępc*|prokurat*|zarzut*|oskarż*|"
     "podejrzan*|podejrzewan*|zatrzyman*|uniewinni*|śledztw*|kradzież*|kradł*|ukradł*|włama*|"
     "rozbój*|rozboj*|rabun*"},
    {POL_SPECIAL_CRIMINAL,
     "napad*|oszust*|oszuk*|wyłudz*|przywłaszcz*|sprzeniewierz*|defraud*|fałszow*|fałszerst*|"
     "podrabia*|prani* pieniędzy|przekupst*|łapów*|fałszywe "
     "zeznania|podpale*|pobici*|pobił*|znęca*|zabójst*|zabił*|zamordow*|morders*|gwałt*|zgwałc*|"
     "molestow*|stalking*|nękani*|przemoc*|po pijanemu|pod wpływem*|nietrzeźw*|ucieczk* z "
     "miejsca|handel narkot*|handlował* narkot*|posiadani* "
     "narkot*|narkotyk*|przemyt*|szantaż*|wymusz*|porwani*|wykroczeni*|odsouzen*|odsúden*|trestán*|"
     "trestan*|rejstřík*|registra trestov|registr* "
     "trestů|vězen*|vězení|věznic*|väzen*|vazb*|vazbě|podmín*|podmienk*|náramek|obecně "
     "prospěšn*|obžalov*|obvin*"},
    {POL_SPECIAL_CRIMINAL,
     "obviňov*|podezř*|podozriv*|stíhán*|stíhan*|vyšetřov*|zadržen*|zatčen*|zatkl*|vinen|krádež*|"
     "kradl*|ukradl*|vloup*|loupež*|podvod*|podvád*|zpronevěr*|spreneveru|padělá*|falšov*|praní "
     "peněz|daňov* únik*|úplatk*|křiv* "
     "výpověď*|žhář*|ublížení*|napaden*|napadl*|vražd*|zabití|znásiln*|sexuální "
     "násil*|zneužív*|zneužit*|domácí násilí|týrán*|v opilosti|pod vlivem*|ujel "
     "od*|distribuc*|pašov*|vydír*|únos*|trestná "
     "minulost|cazier*|închiso*|închis*|pușcări*|deținut*|detenți*|arest*|arestat*|suspendare|"
     "suspendat*|eliberat condiționat|brățar*|control judiciar|acuzat*|învinuit*"},
    {POL_SPECIAL_CRIMINAL,
     "cercetat*|urmărit*|trimis în judecată|vinovat*|infracțiun*|infractor*|dosar "
     "penal|furt*|tâlhări*|jaf*|spargere|înșelăci*|escrocheri*|delapid*|spălare de "
     "bani|evaziun*|mită|mărturie "
     "mincinoasă|incendiere|lovire*|agresiun*|vătămar*|omor*|crimă|ucidere*|abuz "
     "sexual|hărțuir*|violență domestică|alcool la volan|beat la volan|sub influența*|fugă de "
     "la*|droguri*|șantaj*|răpire*|dömd*|dömts|dömdes|dømt*|domfäld*|domfellelse|straffad*|"
     "straffet*|straffedømt|ustraffet|ostraffad|belastningsregist*|straffeattest*|straffeattesten|"
     "vandelsattest|fängelse*|fengsel*|fængsel*|fängslad*|fængslet|fengslet|avtjän*|afsone*|afson*|"
     "sonet*"},
    {POL_SPECIAL_CRIMINAL,
     "soner*|sonet|häkt*|häktad*|varetægts*|varetekt*|betinget*|villkorlig*|skyddstillsyn|"
     "samhällstjänst|samfundstjeneste|samfunnsstraff|fotboja|fodlænke|fotlenke|misstänkt*|"
     "misstänks|mistænkt*|mistenkt*|åtal*|tiltal*|sigtet*|siktet*|anklag*|anhållen|anholdt|"
     "arrestert|gripen|pågreb*|pågrep*|skyldig*|erkänt|tilstod|kriminel*|kriminell*|brottsling*|"
     "forbryt*|brott*|återfalls*|stöld*|stjal*|stulit|tyveri*|tjuveri|snatt*|butikstyv*|butikktyv*|"
     "rånat|røveri*|ranet|inbrott*|indbrud*|innbrudd*|bedräg*|bedrag*|bedrageri*|förskingr*|"
     "underslæb|underslag*|förfalsk*"},
    {POL_SPECIAL_CRIMINAL,
     "forfalsk*|dokumentfalsk*|penningtvätt|hvidvask|hvitvask*|skattebrott*|skattesvig|skattesvik|"
     "mutbrott|bestikk*|mened|mordbrand|misshandel*|misshandlat|voldsdom*|vold "
     "mot|voldelig|kroppsskade|dråp*|drab*|drap|mördat|myrdet|våldtäkt*|voldtægt*|voldtekt*|"
     "sexualbrott*|sædelighed*|overgreb*|overgrep*|barnporno*|kvinnofrid*|rattfyll*|rattonykt*|"
     "spirituskørsel|promillekjør*|fyllekjør*|narkotikabrott*|narkotika*|narkobrott*|narko*|"
     "langning|smugl*|utpress*|afpresning|kidnapp*|tuomit*|tuomio*|tuomittu*|rikos*|rikosre*|"
     "rikollinen|rikollis*|vankila*|vanki*|vankeu*|ehdollis*|ehdonala*|yhdyskuntapalvel*|"
     "valvontapant*"},
    {POL_SPECIAL_CRIMINAL,
     "pidätet*|vangittu*|epäilty*|epäillään*|syyte*|syytetty*|syytetään|syyllis*|sakko*|sakot|"
     "varkau*|varasta*|näpist*|ryöst*|murto*|petos*|petok*|kavallu*|väärenn*|rahanpesu*|veronkier*|"
     "veropetos|lahjo*|tuhopol*|pahoinpit*|pahoinpid*|tappo*|murha*|raiska*|seksuaaliri*|"
     "hyväksikäyt*|ahdistel*|lähestymiskiel*|perheväkiv*|rattijuo*|huumausaineri*|huumeri*|"
     "huumekau*|salakulje*|kirist*|rikostau*|elítél*|büntetett|büntetlen*|büntetés*|büntető*|"
     "bűncsel*|bűnöz*|erkölcsi "
     "bizonyítv*|priusz*|börtön*|letöltendő|felfüggeszt*|fogház*|fogvatart*|fogda|letartóztat*|"
     "őrizet*|nyomkövető|feltételesen"},
    {POL_SPECIAL_CRIMINAL,
     "közmunka|gyanúsít*|gyanús*|vádlott*|vádol*|megvádol*|vád*|eljárás "
     "indult|bűnös*|lopás*|lopott|lopot*|ellopt*|rabl*|betör*|csal*|csalás*|sikkaszt*|okirathamis*|"
     "hamisít*|pénzmos*|adócsal*|veszteget*|hamis tanúz*|gyújtogat*|testi "
     "sért*|garázda*|emberöl*|gyilkos*|megölt*|erőszak*|megerőszakol*|zaklat*|ittas "
     "vezet*|ittasan|cserbenhagy*|kábítószer*|díler*|csempész*|zsarol*|emberrabl*|fraud|convicted|"
     "drug charges|drug offences|drug offenses|drug crime*|drogue|for drugs|por droga*|por "
     "drogas|per droga|za drogy|za narkotyki|vol à*|pour vol|pour viol|stupéfiant*|bedrog|betrug"},
    {POL_SPECIAL_CRIMINAL,
     "fraude fiscal|pour fraude|por fraude|wegen*|penalmente|cazier "
     "judiciar|trestní*|trestné*|trestný*|trestnou*|crime|crimes|crimen|crimine|delito|delitos|"
     "reato|reati|charged with|charges against|charge of|faces charges|facing "
     "charges|suspectat*|sentence|sentenced|possession|steroid "
     "dealing|vold|voldelig*|voldtek*|bribe*|corrupt*|sąd|sądu|gericht|tribunal|tribunale|court|"
     "nicked for|nicked by|nicked|done for|sent down|did months|did years|did eleven months|did "
     "two years|hmp|young offenders|drink-driv*|over the limit|police took|picked up by the "
     "police|polizei abgeholt|von der polizei|durchsuchung*|hausdurchsuchung*|gesessen|sitzt ein"},
    {POL_SPECIAL_CRIMINAL,
     "saß ein|eingebuchtet|abgesessen|eingesperrt|garde-à-vue|correctionnelle|six mois "
     "ferme|tôle|taulard*|taule|juge d'instruction|perquisition*|violences conjugales|piqué "
     "dans|pris dans la "
     "caisse|dealing|dealen|trapiche*|camello|farlopa|coca|hachís|marihuana|cannabis|cocaïne|"
     "cocaine|cocaína|kokain*|kokain|le han pillado|lo han pillado|lo detuvieron|la "
     "detuvieron|calabozo|régimen abierto|cis de|juzgado|procesado|maltrato*|denuncia por|querella "
     "por|questura|in questura|spaccio|spacciava|agli arresti|denunciato per|denunciata "
     "per|querelato|patteggiato|esquadra|pj|buscas|pulseira|na cela|in de "
     "cel|vastgehouden|opgesloten|bureau halt|boeien"},
    {POL_SPECIAL_CRIMINAL,
     "vechtpartij|stelen|gejat|in verzekering|rechter|zat vast|zit "
     "vast|vrijgekomen|wykrocz*|dołek|na "
     "dołku|siedzi|siedział*|odsiedzi*|odsiedział|odsiaduje|kradzi*|ukrad*|okrad*|zgarnęl*|"
     "zatrzymal*|policja "
     "zabrał*|dilerk*|dilow*|diler*|odseděl*|seděl*|sebrali|sebral*|zavřeli|zavřel*|kriminál*|"
     "policajt*|policie obviněn*|odcizil*|udeřil*|ohrožování|výtržnic*|dealov*|satt inne|sitter "
     "inne|suttit|kåken|anstalt*|åkte dit|åkt dit|polisanmäl*|greps|sidder inde|sad inde|siddet "
     "inde|spjældet|mandatsvig|børneattest*|tyv|tyveknægt|hælervarer|hæleri|häleri|hehlerei"},
    {POL_SPECIAL_CRIMINAL,
     "recel|ricettaz*|receptación|paserst*|podílnictv*|tăinuire|orgazda*|gherlă|reținut|reținută|"
     "tulburarea ordinii|ordonanț*|poliția|furat|furt|a furat|am furat|denunț*|plângere "
     "penală|ült|ültem|ülök|börtönv*|szabadult*|szabadultam|rendőr*|elvittek|elvitték|feljelent*|"
     "gyanúsítottként|kihallgat*|loptam|betört*|betöréses|stole "
     "from|stolen|geklaut|klauen|klaute|volé|ha "
     "rubato|rubare|rubat*|robé|robar|robado|roubei|roubar|gestal|stjäl*|snatta*|anzeige "
     "wegen|strafanzeige*|anzeige|restraining|blockade*|vandalism*|vandalizm*|graffiti|"
     "sachbeschädig*"},
    {POL_SPECIAL_CRIMINAL,
     "schwarzfahr*|fare dod*|fined|geldbuße|amende|boete|mandat "
     "karny|pokut*|böter|bøde*|amendă|bírság*|counterfeit*|falschgeld*|steuerhinterz*|insider "
     "trad*|embezz*|skimmed|scam*|phishing|betrog*|hochstap*|braccialetto|obrączk*|stato "
     "dentro|stata dentro|vast gezeten|vastgezeten|ankle tag|on "
     "tag|nyomkövető*|fußfessel*|bracelet|pulsera|suttit inne|siedział za|seděl za|ült azért|a "
     "stat la închisoare|estuvo preso|esteve preso|fait de la prison"},
};
const size_t pol_hints_life_n = sizeof(pol_hints_life) / sizeof(pol_hints_life[0]);
